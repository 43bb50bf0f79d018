import type { Progress } from '../store/select.ts';
import { Icon, type IconName } from './icon.tsx';

/** Progress of an own message, including unsent states. */
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
