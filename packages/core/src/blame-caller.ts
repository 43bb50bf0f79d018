import { GatewayWorkerError } from './errors.ts';

/** A function or a class. */
export type Callee = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/**
 * Lets an error of the framework point to the line that called `callee`: Node.js shows that line of an uncaught
 * error, and the frames of the framework tell the application nothing.
 */
export function blameCaller<T>(callee: Callee, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof GatewayWorkerError) Error.captureStackTrace(error, callee);
    throw error;
  }
}
