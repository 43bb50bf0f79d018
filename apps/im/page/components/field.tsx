import { useId } from 'react';
import type { Problem } from '../store/outgoing.ts';
import { ProblemLine } from './problem-line.tsx';

interface FieldProps extends React.ComponentProps<'input'> {
  readonly label: string;
  readonly hint?: string;
  /** An error of the value. */
  readonly problem?: Problem | null;
  readonly isWrong?: boolean;
}

/** An input with a label, and a hint or a problem below. */
export function Field({
  label,
  hint,
  problem = null,
  isWrong = false,
  ...input
}: FieldProps): React.JSX.Element {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        type="text"
        id={id}
        aria-invalid={isWrong || problem !== null}
        aria-describedby={`${id}-hint`}
        {...input}
      />
      <div id={`${id}-hint`}>
        {problem === null ? (
          hint !== undefined && <p className="hint">{hint}</p>
        ) : (
          <ProblemLine problem={problem} />
        )}
      </div>
    </div>
  );
}
