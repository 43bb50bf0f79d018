import { toError } from './errors.ts';
import type { Logger } from './logger.ts';
import { ThrottledLog } from './throttled-log.ts';

/** A connection or a link that ends when one of its callbacks throws. */
export interface Guarded {
  /** Ends it. The guard logs the error. */
  fail(error: Error): void;
}

/** The same type without inference: TypeScript infers the parameters from the listener, not from `end`. */
type Given<Type> = [Type][Type extends unknown ? 0 : never];

/**
 * Keeps the process alive when a listener, timer or callback of one connection or link throws. That connection or link
 * ends, and the exception is logged with its stack, at most once a second.
 *
 * One guard serves a process. A function is wrapped once, when it is registered, so that a call allocates nothing.
 */
export class Guard {
  /** Exceptions since the start. */
  caught = 0;
  readonly #log: ThrottledLog | undefined;

  /** @param logger - without a logger, exceptions are emitted as warnings of the process */
  constructor(logger?: Logger) {
    if (logger !== undefined) this.#log = new ThrottledLog(logger);
  }

  /**
   * Makes a function that calls `listener` and never throws.
   *
   * @param point - fixed and unique name of the place, for the log and for tests
   * @param end - ends the connection or link that the call belongs to; called with the error and the arguments of
   * the listener
   * @returns a function that returns the result of `listener`, or `undefined` if it has thrown
   */
  wrap<This, Args extends unknown[], Result>(
    point: string,
    listener: (this: This, ...args: Args) => Result,
    end: (this: Given<This>, error: Error, ...args: Given<Args>) => void,
  ): (this: This, ...args: Args) => Result | undefined {
    const guard = this;
    return function guarded(this: This, ...args: Args): Result | undefined {
      try {
        return listener.apply(this, args);
      } catch (thrown) {
        const error = toError(thrown);
        guard.#handle(point, error, () => end.call(this, error, ...args));
        return undefined;
      }
    };
  }

  /** Calls `onValue` with the value of a promise. A rejection, or an exception of `onValue`, calls `end`. */
  follow<Value>(
    point: string,
    promise: Promise<Value>,
    onValue: (value: Value) => void,
    end: (error: Error) => void,
  ): void {
    const handleReason = (reason: unknown): void => {
      const error = toError(reason);
      this.#handle(point, error, () => end(error));
    };
    void promise.then(this.wrap(point, onValue, end), handleReason);
  }

  /** Writes the lines that wait. */
  close(): void {
    this.#log?.close();
  }

  #handle(point: string, error: Error, end: () => void): void {
    this.caught += 1;
    try {
      end();
    } catch (thrown) {
      this.#report(`the end of ${point}`, toError(thrown));
    }
    this.#report(point, error);
  }

  #report(point: string, error: Error): void {
    if (this.#log === undefined) {
      process.emitWarning(error);
      return;
    }
    const message = 'exception in a listener: its connection or link was ended';
    this.#log.warn({ err: error, point }, message);
  }
}
