import { GatewayWorkerError, toError, toWire } from '@gatewayworker/core';
import type { ChildFailure } from '../control/child-protocol.ts';

/**
 * Describes for the master the error that ended a process.
 *
 * The message of an error of the framework says it all, unless it has one of the application as its
 * cause. Of those the stack goes along, as far as it leads through code of the application: frames of
 * Node.js itself are left out.
 */
export function describeFailure(thrown: unknown): ChildFailure {
  const error = toWire(thrown);
  const source = findSource(thrown);
  if (source === undefined) return { error };
  const lines = (source.stack ?? '').split('\n');
  // The message of a syntax error in a module of the application has its place already.
  const said = error.message.split('\n');
  const place = excerpt(lines, source).filter((line) => !said.includes(line));
  const frames = [...place, ...lines.filter(isApplicationFrame)];
  return frames.length === 0 ? { error } : { error, stack: frames.join('\n') };
}

/** The error of the application behind an error; `undefined` for one that is the framework's own. */
function findSource(thrown: unknown): Error | undefined {
  if (!(thrown instanceof GatewayWorkerError)) return toError(thrown);
  return thrown.cause === undefined ? undefined : findSource(thrown.cause);
}

/** What stands before the message: for a syntax error, where it is and the line itself. */
function excerpt(lines: readonly string[], { name, message }: Error): readonly string[] {
  const messageAt = lines.findIndex((line) => line.includes(message.split('\n')[0] ?? name));
  return lines.slice(0, Math.max(0, messageAt)).filter((line) => line !== '');
}

function isApplicationFrame(line: string): boolean {
  return /^\s+at /.test(line) && !/\(?node:/.test(line);
}
