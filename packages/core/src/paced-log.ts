import type { Logger } from './logger.ts';

/** Shortest time between two lines, in milliseconds. */
const INTERVAL_MS = 1000;

/** Fields of a line. */
export type Fields = Readonly<Record<string, unknown>>;

/** A line that is, or may be, written. */
interface Line {
  readonly level: 'warn' | 'error';
  readonly fields: Fields;
}

/**
 * A throttled log for one message that strangers can cause as often as they like: at most one line a second, the
 * first at once. A line that stands for others too has their number in `leftOut`, so that none goes uncounted.
 */
export class PacedLog {
  readonly #logger: Logger;
  readonly #message: string;
  #timer: NodeJS.Timeout | undefined;
  /** The newest of those that have no line. */
  #waiting: Line | undefined;
  #leftOut = 0;

  constructor(logger: Logger, message: string) {
    this.#logger = logger;
    this.#message = message;
  }

  /** Writes a warning now, or lets one of the next second stand for it. */
  warn(fields: Fields): void {
    this.#add({ level: 'warn', fields });
  }

  /** Writes an error now, or lets one of the next second stand for it. */
  error(fields: Fields): void {
    this.#add({ level: 'error', fields });
  }

  /** Writes what waits. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writeWaiting();
  }

  #add(line: Line): void {
    if (this.#timer === undefined) {
      this.#write(line);
      this.#startTimer();
      return;
    }
    if (this.#waiting !== undefined) this.#leftOut += 1;
    this.#waiting = line;
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#writeWaiting()) this.#startTimer();
    }, INTERVAL_MS).unref();
  }

  #writeWaiting(): boolean {
    const line = this.#waiting;
    if (line === undefined) return false;
    const leftOut = this.#leftOut;
    this.#waiting = undefined;
    this.#leftOut = 0;
    this.#write(leftOut === 0 ? line : { ...line, fields: { ...line.fields, leftOut } });
    return true;
  }

  #write({ level, fields }: Line): void {
    this.#logger[level](fields, this.#message);
  }
}
