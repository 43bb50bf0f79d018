import { brandErrors, GatewayWorkerError, type Logger } from '@gatewayworker/core';
import type { ChildExit } from '../control/child-protocol.ts';
import { describeProcess, type ProcessDeclaration } from '../process-declaration.ts';
import { findReason } from './child-output.ts';

/** Says in a few words how a process ended, with the reason it gave. */
function describeEnd(end: ChildExit): string {
  const said = end.failure?.error.message ?? findReason(end.output ?? '');
  const reason = said === undefined ? '' : `: ${said}`;
  if (end.signal !== null) return `ended by ${end.signal}${reason}`;
  if (end.code !== null) return `ended with exit code ${end.code}${reason}`;
  // Only its parent, which is gone or another process, could read the exit code.
  if (end.isUnknown === true) return `ended with an unknown exit code${reason}`;
  return `could not be made${reason}`;
}

/** Logs how a process ended, and what follows from it. */
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

/** Thrown by a start or a reload one of whose processes ended before it was ready. */
export class ProcessFailedError extends GatewayWorkerError {
  override readonly name = 'ProcessFailedError';
  /** The stack of the child, when the failure is not one of the framework's own and so needs one. */
  readonly childStack: string | undefined;
  /** What the child printed last, when it died without a message. */
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

  /** The message with all that tells where it happened, for those who do not see what the process prints. */
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
