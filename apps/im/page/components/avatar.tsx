interface AvatarProps {
  /** Determines the colour. */
  readonly id: string;
  readonly name: string;
  readonly picture?: string | null | undefined;
  /** Shown as a dot; undefined for groups and users who are not friends. */
  readonly online?: boolean | undefined;
  readonly size?: 'small' | 'normal' | 'large';
}

/** A picture or the first letter. Hidden from screen readers, because the name is next to it. */
export function Avatar({
  id,
  name,
  picture,
  online,
  size = 'normal',
}: AvatarProps): React.JSX.Element {
  const letter = [...new Intl.Segmenter().segment(name)][0]?.segment.toUpperCase() ?? '?';
  return (
    <span className={`avatar ${size}`} aria-hidden="true">
      {typeof picture === 'string' ? (
        <img src={`/pictures/${picture}/small.webp`} alt="" loading="lazy" />
      ) : (
        <span className="letter" style={{ '--hue': toHue(id) } as React.CSSProperties}>
          {letter}
        </span>
      )}
      {online === true && <span className="online-dot" />}
    </span>
  );
}

function toHue(id: string): number {
  // FNV-1a: consecutive ids get very different colours.
  let hash = 2166136261;
  for (const digit of id) hash = Math.imul(hash ^ digit.charCodeAt(0), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 0) % 360;
}
