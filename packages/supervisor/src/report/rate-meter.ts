/** Turns a running total into a rate. */
export class RateMeter {
  #total = 0;
  #at: number;
  #perSecond = 0;

  /** @param nowMs - monotonic time at which the total was 0 */
  constructor(nowMs: number) {
    this.#at = nowMs;
  }

  /** Increase per second between the last two updates; 0 before the first. */
  get perSecond(): number {
    return this.#perSecond;
  }

  /** Records the total at a later time than the last one. */
  update(total: number, nowMs: number): void {
    const seconds = (nowMs - this.#at) / 1_000;
    if (seconds <= 0) return;
    this.#perSecond = Math.max(0, total - this.#total) / seconds;
    this.#total = total;
    this.#at = nowMs;
  }
}
