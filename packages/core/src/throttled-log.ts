import type { Logger } from './logger.ts';
import { type Fields, PacedLog } from './paced-log.ts';

/**
 * The throttled log of a process, for lines that clients can cause: each message has at most one line a second, the
 * first at once, with the number of omitted lines in `leftOut`.
 */
export class ThrottledLog {
  readonly #logger: Logger;
  /** By message: these are fixed texts, so that there are few. */
  readonly #logs = new Map<string, PacedLog>();
  /** The error before the one that ends the process is the one that explains it. */
  readonly #writeAtExit = (): void => this.close();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param message - a fixed text; variable parts are fields */
  warn(fields: Fields, message: string): void {
    this.#of(message).warn(fields);
  }

  /** @param message - a fixed text; variable parts are fields */
  error(fields: Fields, message: string): void {
    this.#of(message).error(fields);
  }

  /** Writes the lines that wait. */
  close(): void {
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
    process.off('exit', this.#writeAtExit);
  }

  #of(message: string): PacedLog {
    const known = this.#logs.get(message);
    if (known !== undefined) return known;
    if (this.#logs.size === 0) process.on('exit', this.#writeAtExit);
    const log = new PacedLog(this.#logger, message);
    this.#logs.set(message, log);
    return log;
  }
}
