import { readFileSync } from 'node:fs';

/** Pause between two looks, in milliseconds. */
const INTERVAL_MS = 2;

/**
 * Processor time of this thread so far, in milliseconds: a turn that only waited for a busy machine was not
 * long. Elsewhere than on Linux it is the time that has passed.
 */
export function threadTimeMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** Measures the longest turn of the event loop: a timer fires between two turns, at most once in each. */
export class TurnMeter {
  #last = threadTimeMs();
  #longest = 0;

  constructor() {
    setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  /** Longest turn since the last call, in milliseconds; up to the interval too long. */
  take(): number {
    this.#look();
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }

  #look(): void {
    const now = threadTimeMs();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }
}
