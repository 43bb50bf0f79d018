const longestMs = 15_000;

/**
 * Returns the delay before the next attempt, in milliseconds: 0 to 1 s at first, then up to 15 s. It is random, so that
 * the clients of a dead gateway do not all reconnect at the same time.
 *
 * @param attempt - from 0
 */
export function toRetryDelay(attempt: number, random: () => number): number {
  if (attempt === 0) return random() * 1000;
  const longest = Math.min(longestMs, 1000 * 2 ** Math.min(attempt, 10));
  return longest / 4 + random() * (longest * 0.75);
}

/** Parses the delay of a close reason such as `retry in 2-5 s`, in milliseconds; undefined for other reasons. */
export function parseRetryDelay(reason: string, random: () => number): number | undefined {
  const found = /^retry in (\d+(?:\.\d+)?)-(\d+(?:\.\d+)?) s$/.exec(reason);
  if (found === null) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2])];
  return Math.min(60, from + random() * Math.max(0, to - from)) * 1000;
}
