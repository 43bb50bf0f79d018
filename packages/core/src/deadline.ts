/** How often a process that stops looks whether it may go on, in milliseconds. */
const LOOK_MS = 5;

/** The end of the time that a process has to stop. */
export class Deadline {
  #endsAt: number;

  constructor(timeMs: number) {
    this.#endsAt = performance.now() + timeMs;
  }

  /** Leaves no more time than this from now on. */
  shorten(timeMs: number): void {
    this.#endsAt = Math.min(this.#endsAt, performance.now() + timeMs);
  }

  /**
   * Waits until something is done, or the time is over.
   *
   * @param reserveMs - what is left then for the rest of the stop
   * @returns true when it is done
   */
  async waitUntil(isDone: () => boolean, reserveMs = 0): Promise<boolean> {
    while (!isDone() && performance.now() < this.#endsAt - reserveMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return isDone();
  }
}
