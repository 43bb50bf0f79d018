import { GatewayWorkerError, toError } from '@gatewayworker/core';
import { ProcessFailedError } from '@gatewayworker/supervisor';

/** What a terminal has not shown yet. */
export interface ErrorTextOptions {
  /** Whether to add what a process printed before it died. @default false */
  readonly withOutput?: boolean;
}

/**
 * Writes an error for a person; ends with a newline.
 *
 * The message of an error of the framework says it all; anything else is a fault, and shows where.
 */
export function formatError(thrown: unknown, options: ErrorTextOptions = {}): string {
  if (thrown instanceof ProcessFailedError) {
    if (options.withOutput === true) return `${thrown.describe()}\n`;
    const { message, childStack } = thrown;
    return childStack === undefined ? `${message}\n` : `${message}\n${childStack}\n`;
  }
  if (thrown instanceof GatewayWorkerError) return `${thrown.message}\n`;
  const error = toError(thrown);
  return `${error.stack ?? error.message}\n`;
}
