/**
 * How many messages a client may send: a bucket that holds the messages of one second and fills
 * evenly, so that a burst is fine and a lasting excess is not.
 */
export class MessageRate {
  readonly #perSecond: number;
  #left: number;
  #filledAt: number;

  /**
   * @param perSecond - messages per second, from 1
   * @param now - milliseconds of a clock that never steps back
   */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#filledAt = now;
  }

  /** Messages that are left. */
  get left(): number {
    return this.#left;
  }

  /** Goes on with what is left in the bucket of another process. */
  set left(left: number) {
    this.#left = left;
  }

  /** Takes one message out; answers false when the bucket is empty. */
  take(now: number): boolean {
    const filled = this.#left + ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#filledAt = now;
    this.#left = Math.min(this.#perSecond, filled);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
