import type { Problem } from '../store/outgoing.ts';
import { Icon } from './icon.tsx';

/** The message of a problem; screen readers announce it at once. */
export function ProblemLine({
  problem,
  id,
}: {
  readonly problem: Problem | null;
  readonly id?: string;
}): React.JSX.Element | null {
  if (problem === null) return null;
  return (
    <p className="problem" role="alert" id={id} data-code={problem.code}>
      <Icon name="failed" />
      {problem.message}
    </p>
  );
}
