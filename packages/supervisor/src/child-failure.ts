import { GatewayWorkerError, toError, toWire } from '@gatewayworker/core';
import type { ChildFailure } from './child-messages.ts';

/**
 * Turns what ended a process into what its master is told.
 *
 * The message of an error of the framework says it all. Of other errors the stack goes along, as far
 * as it leads through code of the application: the insides of Node.js help nobody.
 */
export function describeFailure(thrown: unknown): ChildFailure {
  const error = toWire(thrown);
  if (thrown instanceof GatewayWorkerError) return { error };
  const frames = (toError(thrown).stack ?? '').split('\n').filter(isApplicationFrame);
  return frames.length === 0 ? { error } : { error, stack: frames.join('\n') };
}

function isApplicationFrame(line: string): boolean {
  return /^\s+at /.test(line) && !/\(?node:/.test(line);
}
