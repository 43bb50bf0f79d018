import type { Logger } from './logger.ts';

/** Shortest time between two lines, in milliseconds. */
const INTERVAL_MS = 1000;

/** Fields of a line. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * Warns of what strangers can cause as often as they like: at most one line a second, the first at once.
 * A line that stands for others too has their number in `leftOut`, so that none goes uncounted.
 */
export class PacedLog {
  readonly #logger: Logger;
  readonly #message: string;
  #timer: NodeJS.Timeout | undefined;
  /** The newest of those that have no line. */
  #waiting: Fields | undefined;
  #leftOut = 0;

  constructor(logger: Logger, message: string) {
    this.#logger = logger;
    this.#message = message;
  }

  /** Writes a line now, or lets one of the next second stand for it. */
  warn(fields: Fields): void {
    if (this.#timer === undefined) {
      this.#write(fields);
      this.#startTimer();
      return;
    }
    if (this.#waiting !== undefined) this.#leftOut += 1;
    this.#waiting = fields;
  }

  /** Writes what waits. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writeWaiting();
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#writeWaiting()) this.#startTimer();
    }, INTERVAL_MS).unref();
  }

  #writeWaiting(): boolean {
    const fields = this.#waiting;
    if (fields === undefined) return false;
    const leftOut = this.#leftOut;
    this.#waiting = undefined;
    this.#leftOut = 0;
    this.#write(leftOut === 0 ? fields : { ...fields, leftOut });
    return true;
  }

  #write(fields: Fields): void {
    this.#logger.warn(fields, this.#message);
  }
}
