import { AppError } from './app-error.ts';

/** So much at once, then so much per second. */
export interface PaceOptions {
  readonly burst: number;
  readonly perSecond: number;
}

/** Keys beyond which those that have rested long enough are forgotten. */
const sweepAt = 10_000;

/** Limits how fast each of many goes on: a bucket of tokens per key, in the memory of this process. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #now: () => number;
  /** When the bucket of a key is full again, in milliseconds: who is not in it has a full one. */
  readonly #fullAt = new Map<string, number>();

  constructor(options: PaceOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
  }

  /**
   * Takes one token.
   *
   * @throws {AppError} `too_fast` when there is none, with the time until there is
   */
  take(key: string, what = 'You go too fast.'): void {
    const waitMs = this.tryTake(key);
    if (waitMs === 0) return;
    const message = `${what} Please wait ${Math.max(1, Math.ceil(waitMs / 1000))} s.`;
    throw new AppError('too_fast', message, { retryAfterMs: Math.ceil(waitMs) });
  }

  /** Takes one token if there is one; answers how long to wait for it otherwise, in milliseconds. */
  tryTake(key: string): number {
    const tokenMs = 1000 / this.#options.perSecond;
    const now = this.#now();
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + tokenMs;
    const waitMs = fullAt - now - this.#options.burst * tokenMs;
    // Half a microsecond: sums of fractions are not exact.
    if (waitMs > 0.0005) return waitMs;
    if (this.#fullAt.size >= sweepAt) this.#sweep(now);
    this.#fullAt.set(key, fullAt);
    return 0;
  }

  /** Gives one token back. */
  giveBack(key: string): void {
    const fullAt = this.#fullAt.get(key);
    if (fullAt !== undefined) this.#fullAt.set(key, fullAt - 1000 / this.#options.perSecond);
  }

  /** Forgets a key: its bucket is full. */
  reset(key: string): void {
    this.#fullAt.delete(key);
  }

  #sweep(now: number): void {
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key);
    if (this.#fullAt.size < sweepAt) return;
    // All of them busy: the oldest tenth makes way, so memory stays bounded, and this is not done for each.
    for (const key of this.#fullAt.keys()) {
      if (this.#fullAt.size < sweepAt * 0.9) break;
      this.#fullAt.delete(key);
    }
  }
}
