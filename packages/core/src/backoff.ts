/** Limits of the waits between attempts. */
export interface BackoffOptions {
  /** Wait before the first retry, in milliseconds. */
  readonly initialMs: number;
  /** Longest wait, in milliseconds. */
  readonly maxMs: number;
  /** Source of jitter: returns a number from 0 (included) to 1 (excluded). */
  readonly random: () => number;
}

/**
 * Computes the wait before a retry. It doubles with each attempt up to the maximum; jitter then spreads it over its
 * upper half, so that peers that lost the same server do not all reconnect at the same time.
 *
 * @param attempt - 0 for the first retry
 * @returns milliseconds
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions): number {
  // 2 ** 30 ms is 12 days. A larger exponent would only overflow.
  const full = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(attempt, 30));
  return Math.round(full / 2 + (full / 2) * options.random());
}
