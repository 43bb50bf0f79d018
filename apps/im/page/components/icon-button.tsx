import { Icon, type IconName } from './icon.tsx';

interface IconButtonProps extends React.ComponentProps<'button'> {
  readonly icon: IconName;
  /** Accessible name and tooltip. */
  readonly label: string;
}

export function IconButton({
  icon,
  label,
  className = '',
  ...rest
}: IconButtonProps): React.JSX.Element {
  return (
    <button
      type="button"
      className={`icon-button ${className}`}
      aria-label={label}
      title={label}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}
