/** Shape of a series of waits. */
export interface BackoffOptions {
  /** Wait before the first retry, in milliseconds. */
  readonly initialMs: number;
  /** No wait is longer than this, in milliseconds. */
  readonly maxMs: number;
  /** Source of jitter, answering 0 (included) to 1 (excluded). */
  readonly random: () => number;
}

/**
 * Wait before a retry: doubles with each attempt up to the maximum, and is then spread over its
 * upper half, so that peers that lost the same link do not come back in the same instant.
 *
 * @param attempt - 0 for the first retry
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions): number {
  // 2 ** 30 ms is 12 days: past it the exponent only risks overflow.
  const full = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(attempt, 30));
  return Math.round(full / 2 + (full / 2) * options.random());
}
