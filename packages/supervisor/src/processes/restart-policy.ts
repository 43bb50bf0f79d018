import { backoffDelayMs } from '@gatewayworker/core';

/** A process that ran this long was stable: its end does not count as an early one. */
const STABLE_AFTER_MS = 5_000;
const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

/**
 * Delay before a process is restarted: none at first, then exponential backoff while it keeps ending soon after its
 * start, so that a crash loop does not take the processor from the other processes.
 */
export class RestartPolicy {
  readonly #random: () => number;
  #earlyExits = 0;

  /** @param random - source of jitter, from 0 (included) to 1 (excluded) */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Returns the delay before the next start, in milliseconds; 0 is at once.
   *
   * @param livedMs - time from the start of the process to its end
   */
  nextDelayMs(livedMs: number): number {
    if (livedMs >= STABLE_AFTER_MS) {
      this.#earlyExits = 0;
      return 0;
    }
    this.#earlyExits += 1;
    if (this.#earlyExits === 1) return 0;
    return backoffDelayMs(this.#earlyExits - 2, {
      initialMs: INITIAL_DELAY_MS,
      maxMs: MAX_DELAY_MS,
      random: this.#random,
    });
  }
}
