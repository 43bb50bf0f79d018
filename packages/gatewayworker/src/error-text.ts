import { GatewayWorkerError, toError } from '@gatewayworker/core';
import { ProcessFailedError } from '@gatewayworker/supervisor';

/** Options of `formatError`. */
export interface ErrorTextOptions {
  /** Whether to add the last output of a failed process. @default false */
  readonly withOutput?: boolean;
}

/**
 * Formats an error for a terminal; ends with a newline.
 *
 * An error of the framework needs only its message. Other errors are bugs, and are shown with their stack.
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
