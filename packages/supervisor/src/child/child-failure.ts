import { GatewayWorkerError, toError, toWire } from '@gatewayworker/core';
import type { ChildFailure } from '../control/child-protocol.ts';

/**
 * Describes the error that ended a process, for its master.
 *
 * An error of the framework needs only its message. An error of the application, also as the cause of one of the
 * framework, includes its stack, without the frames of Node.js itself.
 */
export function describeFailure(thrown: unknown): ChildFailure {
  const error = toWire(thrown);
  const source = findSource(thrown);
  if (source === undefined) return { error };
  const lines = (source.stack ?? '').split('\n');
  // The message of a syntax error in a module of the application already has its location.
  const messageLines = error.message.split('\n');
  const location = excerpt(lines, source).filter((line) => !messageLines.includes(line));
  const frames = [...location, ...lines.filter(isApplicationFrame)];
  return frames.length === 0 ? { error } : { error, stack: frames.join('\n') };
}

/** Finds the error of the application in a chain of causes; `undefined` when there is none. */
function findSource(thrown: unknown): Error | undefined {
  if (!(thrown instanceof GatewayWorkerError)) return toError(thrown);
  return thrown.cause === undefined ? undefined : findSource(thrown.cause);
}

/** The lines of a stack before the message: for a syntax error, its location and the source line. */
function excerpt(lines: readonly string[], { name, message }: Error): readonly string[] {
  const messageAt = lines.findIndex((line) => line.includes(message.split('\n')[0] ?? name));
  return lines.slice(0, Math.max(0, messageAt)).filter((line) => line !== '');
}

function isApplicationFrame(line: string): boolean {
  return /^\s+at /.test(line) && !/\(?node:/.test(line);
}
