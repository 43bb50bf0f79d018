/**
 * Token bucket for the messages of one client. It holds the tokens of one second and refills evenly: a short burst is
 * allowed, a higher rate over a longer time is not.
 */
export class MessageRate {
  readonly #perSecond: number;
  #left: number;
  #filledAt: number;

  /**
   * @param perSecond - messages per second, from 1
   * @param now - milliseconds of a monotonic clock
   */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#filledAt = now;
  }

  /** Tokens that are left. */
  get left(): number {
    return this.#left;
  }

  /** Restores the tokens from the predecessor. */
  set left(left: number) {
    this.#left = left;
  }

  /** Takes one token. Returns false if the bucket is empty. */
  take(now: number): boolean {
    const filled = this.#left + ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#filledAt = now;
    this.#left = Math.min(this.#perSecond, filled);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
