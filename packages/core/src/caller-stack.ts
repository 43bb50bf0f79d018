import { GatewayWorkerError } from './errors.ts';

/** A function or a class. */
export type Callee = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/**
 * Runs `work`. The stack of a `GatewayWorkerError` then starts at the line of the application that called `callee`:
 * Node.js prints that line for an uncaught error.
 */
export function withCallerStack<T>(callee: Callee, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof GatewayWorkerError) Error.captureStackTrace(error, callee);
    throw error;
  }
}
