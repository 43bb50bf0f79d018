import type { Logger } from './logger.ts';

/** Shortest time between two lines with the same message, in milliseconds. */
const INTERVAL_MS = 1000;

/** Fields of a line. */
type Fields = Readonly<Record<string, unknown>>;

/** A line that waits for the end of the interval. */
interface WaitingLine {
  readonly level: 'warn' | 'error';
  readonly fields: Fields;
  /** Number of earlier lines that this one replaces. */
  readonly leftOut: number;
}

/**
 * A throttled log, for lines that a client or another peer can cause any number of times. Each message
 * is written at once the first time, and then at most once a second; `leftOut` is the number of omitted lines.
 */
export class ThrottledLog {
  readonly #logger: Logger;
  /** Timers of the messages written within the last second, by message. Messages are fixed texts, so there are few. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The newest line of each message that waits. */
  readonly #waiting = new Map<string, WaitingLine>();
  /** The last error before a process exits is the one that explains the exit. */
  readonly #writeAtExit = (): void => this.close();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param message - a fixed text; variable parts are fields */
  warn(fields: Fields, message: string): void {
    this.#add('warn', fields, message);
  }

  /** @param message - a fixed text; variable parts are fields */
  error(fields: Fields, message: string): void {
    this.#add('error', fields, message);
  }

  /** Writes the lines that wait. */
  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const message of [...this.#waiting.keys()]) this.#writeWaiting(message);
  }

  #add(level: WaitingLine['level'], fields: Fields, message: string): void {
    if (!this.#timers.has(message)) {
      this.#logger[level](fields, message);
      this.#startTimer(message);
      return;
    }
    if (this.#waiting.size === 0) process.on('exit', this.#writeAtExit);
    const replaced = this.#waiting.get(message);
    const leftOut = replaced === undefined ? 0 : replaced.leftOut + 1;
    this.#waiting.set(message, { level, fields, leftOut });
  }

  #startTimer(message: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(message);
      if (this.#writeWaiting(message)) this.#startTimer(message);
    }, INTERVAL_MS).unref();
    this.#timers.set(message, timer);
  }

  /** Writes the waiting line of a message. Returns false if there is none. */
  #writeWaiting(message: string): boolean {
    const line = this.#waiting.get(message);
    if (line === undefined) return false;
    this.#waiting.delete(message);
    if (this.#waiting.size === 0) process.off('exit', this.#writeAtExit);
    const { level, fields, leftOut } = line;
    this.#logger[level](leftOut === 0 ? fields : { ...fields, leftOut }, message);
    return true;
  }
}
