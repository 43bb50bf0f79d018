import { GatewayWorkerError } from '@gatewayworker/core';
import { describeProcess, type ProcessDeclaration } from './process-declaration.ts';
import type { ChildEnd } from './running-child.ts';

/** Says in a few words how a process ended, with the reason it gave. */
export function describeEnd(end: ChildEnd): string {
  const reason = end.failure === undefined ? '' : `: ${end.failure.error.message}`;
  if (end.signal !== null) return `ended by ${end.signal}${reason}`;
  if (end.code !== null) return `ended with exit code ${end.code}${reason}`;
  return `could not be made${reason}`;
}

/** Thrown by a start one of whose processes ended before it was ready. */
export class ProcessFailedError extends GatewayWorkerError {
  override readonly name = 'ProcessFailedError';
  /** The stack of the child, when the failure is not one of the framework's own and so needs one. */
  readonly childStack: string | undefined;

  constructor(declaration: ProcessDeclaration, id: number, end: ChildEnd) {
    const process = describeProcess(declaration.role, declaration.name, id);
    const reason = end.failure?.error.message ?? `${describeEnd(end)} before it was ready`;
    super('GW_ERR_PROCESS_FAILED', `${process} could not start: ${reason}`);
    this.childStack = end.failure?.stack;
  }
}
