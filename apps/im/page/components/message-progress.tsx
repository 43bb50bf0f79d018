import type { Progress } from '../store/select.ts';
import { Icon, type IconName } from './icon.tsx';

/** How far a message of mine has got, from the first moment on. */
export type OwnProgress = Progress | 'sending' | 'failed';

const looks: Readonly<Record<OwnProgress, readonly [IconName, string]>> = {
  sending: ['clock', 'Sending'],
  sent: ['check', 'Sent'],
  delivered: ['checks', 'Delivered'],
  read: ['checks', 'Read'],
  failed: ['failed', 'Not sent'],
};

export function MessageProgress({
  progress,
}: {
  readonly progress: OwnProgress;
}): React.JSX.Element {
  const [icon, label] = looks[progress];
  return (
    <span className={`progress ${progress}`} role="img" aria-label={label} title={label}>
      <Icon name={icon} />
    </span>
  );
}
