import { toError } from './errors.ts';
import type { Logger } from './logger.ts';
import { ThrottledLog } from './throttled-log.ts';

/** A connection or a link that an exception ends. */
export interface Guarded {
  /** Ends it; the guard logs the error. */
  fail(error: Error): void;
}

/** The same type without inference: the parameters come from the listener, not from the function that ends it. */
type Given<Type> = [Type][Type extends unknown ? 0 : never];

/**
 * Keeps the process alive when a listener, timer or callback of one connection or one link throws: that
 * connection or link ends, and the exception is logged with its stack, at most once a second.
 *
 * One guard serves a process. Its methods wrap a function once, when it is registered, so that a call costs
 * no allocation.
 */
export class Guard {
  /** Exceptions since the start. */
  caught = 0;
  readonly #log: ThrottledLog | undefined;

  /** @param logger - without one, exceptions become warnings of the process */
  constructor(logger?: Logger) {
    if (logger !== undefined) this.#log = new ThrottledLog(logger);
  }

  /**
   * Makes a function that calls `listener` and never throws.
   *
   * @param point - name of the place, fixed and unique, for the log and for tests
   * @param end - ends the connection or link that the call belongs to; gets the error and then what the
   * listener got
   * @returns answers what `listener` does, and `undefined` when that has thrown
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

  /** Calls `onValue` with what a promise resolves to; a rejection, like an exception there, calls `end`. */
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
