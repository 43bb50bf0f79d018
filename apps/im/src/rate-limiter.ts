import { AppError } from './app-error.ts';

/** A limit: `burst` at once, then `perSecond`. */
export interface RateLimiterOptions {
  readonly burst: number;
  readonly perSecond: number;
}

/** Number of keys at which full buckets are removed. */
const sweepAt = 10_000;

/** Rate limit per key: a token bucket for each, in the memory of this process. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #now: () => number;
  /** When the bucket of each key is full again, in milliseconds. A missing key has a full bucket. */
  readonly #fullAt = new Map<string, number>();

  constructor(options: RateLimiterOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
  }

  /**
   * Takes one token.
   *
   * @throws {AppError} `too_fast` when the bucket is empty, with the time until the next token
   */
  take(key: string, reason = 'Too many requests.'): void {
    const waitMs = this.tryTake(key);
    if (waitMs === 0) return;
    const message = `${reason} Please wait ${Math.max(1, Math.ceil(waitMs / 1000))} s.`;
    throw new AppError('too_fast', message, { retryAfterMs: Math.ceil(waitMs) });
  }

  /** Takes one token and returns 0, or returns the time until the next token in milliseconds. */
  tryTake(key: string): number {
    const tokenMs = 1000 / this.#options.perSecond;
    const now = this.#now();
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + tokenMs;
    const waitMs = fullAt - now - this.#options.burst * tokenMs;
    // A tolerance of half a microsecond for rounding errors.
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

  /** Fills the bucket of a key. */
  reset(key: string): void {
    this.#fullAt.delete(key);
  }

  #sweep(now: number): void {
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key);
    if (this.#fullAt.size < sweepAt) return;
    // No bucket is full: remove the oldest tenth, so that memory is bounded and the next calls do not sweep again.
    for (const key of this.#fullAt.keys()) {
      if (this.#fullAt.size < sweepAt * 0.9) break;
      this.#fullAt.delete(key);
    }
  }
}
