/** Interval at which `waitUntil` checks its condition, in milliseconds. */
const POLL_MS = 5;

/** The time by which a process must have stopped. */
export class Deadline {
  #endsAt: number;

  constructor(timeMs: number) {
    this.#endsAt = performance.now() + timeMs;
  }

  /** Moves the deadline to `timeMs` from now, if that is earlier. */
  shorten(timeMs: number): void {
    this.#endsAt = Math.min(this.#endsAt, performance.now() + timeMs);
  }

  /**
   * Waits until `isDone` returns true, or until the deadline.
   *
   * @param reserveMs - time to keep for the rest of the stop: the wait ends earlier by this
   * @returns whether it is done
   */
  async waitUntil(isDone: () => boolean, reserveMs = 0): Promise<boolean> {
    while (!isDone() && performance.now() < this.#endsAt - reserveMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return isDone();
  }
}
