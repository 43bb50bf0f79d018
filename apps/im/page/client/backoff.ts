const longestMs = 15_000;

/**
 * How long to wait before the next attempt, in milliseconds: 0 to 1 s at first, then more and more. All of it is
 * random: the people of a gateway that died must not all come back in the same moment.
 *
 * @param attempt - from 0
 */
export function toPause(attempt: number, random: () => number): number {
  if (attempt === 0) return random() * 1000;
  const longest = Math.min(longestMs, 1000 * 2 ** Math.min(attempt, 10));
  return longest / 4 + random() * (longest * 0.75);
}

/** Reads the pause that a closing server asks for, `retry in 2-5 s`; undefined when it asks for none. */
export function readAskedPause(reason: string, random: () => number): number | undefined {
  const found = /^retry in (\d+(?:\.\d+)?)-(\d+(?:\.\d+)?) s$/.exec(reason);
  if (found === null) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2])];
  return Math.min(60, from + random() * Math.max(0, to - from)) * 1000;
}
