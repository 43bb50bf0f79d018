import { brandErrors, GatewayWorkerError, type Logger } from '@gatewayworker/core';
import type { ChildExit } from '../control/child-protocol.ts';
import { describeProcess, type ProcessDeclaration } from '../process-declaration.ts';
import { findReason } from './child-output.ts';

/** Describes how a process ended, with the reason if there is one. */
function describeEnd(end: ChildExit): string {
  const cause = end.failure?.error.message ?? findReason(end.output ?? '');
  const reason = cause === undefined ? '' : `: ${cause}`;
  if (end.signal !== null) return `ended by ${end.signal}${reason}`;
  if (end.code !== null) return `ended with exit code ${end.code}${reason}`;
  // Only its parent, another process or an ended one, could read the exit code.
  if (end.isUnknown === true) return `ended with an unknown exit code${reason}`;
  return `could not be made${reason}`;
}

/** Logs how a process ended, and what the master does about it. */
export function logEnd(
  logger: Logger,
  end: ChildExit,
  context: { readonly process: string; readonly restarts: number; readonly consequence: string },
): void {
  const { failure } = end;
  const output = failure === undefined ? end.output : undefined;
  logger.error(
    { restarts: context.restarts, stack: failure?.stack, output },
    `${context.process} ${describeEnd(end)}; ${context.consequence}`,
  );
}

/** Thrown by a start or a reload when a process ends before it is ready. */
export class ProcessFailedError extends GatewayWorkerError {
  override readonly name = 'ProcessFailedError';
  /** Stack of the child; absent for an error of the framework, whose message is enough. */
  readonly childStack: string | undefined;
  /** End of the child's output, when it ended without reporting an error. */
  readonly childOutput: string | undefined;

  /** @param outcome - what did not happen. @default 'could not start' */
  constructor(
    declaration: ProcessDeclaration,
    id: number,
    end: ChildExit,
    outcome = 'could not start',
  ) {
    const process = describeProcess(declaration.role, declaration.name, id);
    const reason = end.failure?.error.message ?? describeSilentEnd(end);
    super('GW_ERR_PROCESS_FAILED', `${process} ${outcome}: ${reason}`);
    this.childStack = end.failure?.stack;
    this.childOutput = end.failure === undefined ? end.output : undefined;
  }

  /** The message with the stack or the output, for readers who do not see what the process prints. */
  describe(): string {
    return [this.message, this.childStack ?? this.childOutput]
      .filter((part) => part !== undefined)
      .join('\n');
  }
}

brandErrors(ProcessFailedError, 'ProcessFailedError');

function describeSilentEnd(end: ChildExit): string {
  const reason = findReason(end.output ?? '');
  return reason ?? `${describeEnd(end)} before it was ready`;
}
