import { GatewayWorkerError, toError } from '@gatewayworker/core';
import { ProcessFailedError } from '@gatewayworker/supervisor';

/**
 * Writes an error for a person; ends with a newline.
 *
 * The message of an error of the framework says it all; anything else is a fault, and shows where.
 */
export function formatError(thrown: unknown): string {
  if (thrown instanceof ProcessFailedError && thrown.childStack !== undefined) {
    return `${thrown.message}\n${thrown.childStack}\n`;
  }
  if (thrown instanceof GatewayWorkerError) return `${thrown.message}\n`;
  const error = toError(thrown);
  return `${error.stack ?? error.message}\n`;
}
