/** A connection that lasted this long resets the schedule. */
const STABLE_MS = 5000;

/** Longest wait that a gateway may ask for; a timer of more than 2^31 ms would expire at once. */
const MAX_WAIT_MS = 600_000;

/** A random time between two bounds. */
export function randomWait(minMs: number, maxMs: number): number {
  const min = Math.min(minMs, MAX_WAIT_MS);
  return min + Math.random() * (Math.min(maxMs, MAX_WAIT_MS) - min);
}

/**
 * The wait before the next attempt. `spreadMs` is that of the last Welcome. `uptimeMs` is how long the session was on
 * the connection; -1 after a failed attempt. `isOnline` false: the longest wait, because browsers may be wrong.
 */
export type RetrySchedule = (
  code: number,
  reason: string,
  spreadMs: number,
  uptimeMs: number,
  isOnline: boolean,
) => number;

/** Creates a schedule with full jitter, so that many clients do not return at the same time. */
export function createRetrySchedule(minMs: number, maxMs: number): RetrySchedule {
  let failures = 0;
  return (code, reason, spreadMs, uptimeMs, isOnline) => {
    if (uptimeMs >= STABLE_MS) failures = 0;
    const before = failures++;
    const [, from, to] = (code === 1012 && /^retry in (\d+)-(\d+) s$/.exec(reason)) || [];
    if (from !== undefined) return randomWait(Number(from) * 1000, Number(to) * 1000);
    if (!isOnline) return maxMs;
    const isFirst = before === 0 && uptimeMs >= 0;
    return randomWait(0, isFirst ? spreadMs : Math.min(maxMs, minMs * 2 ** before));
  };
}
