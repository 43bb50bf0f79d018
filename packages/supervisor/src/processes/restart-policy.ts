import { backoffDelayMs } from '@gatewayworker/core';

/** A process that lived this long was well: its end does not count as a failed start. */
const WELL_AFTER_MS = 5_000;
const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

/**
 * Decides when a dead process is started again: at once, and with growing pauses
 * when it keeps dying soon after its start, so that a crash loop leaves the machine to the others.
 */
export class RestartPolicy {
  readonly #random: () => number;
  #earlyDeaths = 0;

  /** @param random - source of jitter, answering 0 (included) to 1 (excluded). */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Answers how long to wait before the next start, in milliseconds; 0 is at once.
   *
   * @param livedMs - time from the start of the process to its end
   */
  nextDelayMs(livedMs: number): number {
    if (livedMs >= WELL_AFTER_MS) {
      this.#earlyDeaths = 0;
      return 0;
    }
    this.#earlyDeaths += 1;
    if (this.#earlyDeaths === 1) return 0;
    return backoffDelayMs(this.#earlyDeaths - 2, {
      initialMs: INITIAL_DELAY_MS,
      maxMs: MAX_DELAY_MS,
      random: this.#random,
    });
  }
}
