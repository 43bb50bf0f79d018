/** Below this many microseconds every value has a bucket of its own; above, 512 buckets per doubling. */
const EXACT = 1024;
const PER_DOUBLING = 512;
const DOUBLINGS = 21;
const LONGEST = 2 ** 31 - 1;

/** Counts of latencies in a form that crosses processes: bucket numbers and their counts, alternating. */
export type LatencyCounts = readonly number[];

/** Counts latencies in microseconds, exact to 0.2 %; those above 35 minutes count as 35 minutes. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(EXACT + DOUBLINGS * PER_DOUBLING);
  #total = 0;

  /** Number of latencies counted. */
  get total(): number {
    return this.#total;
  }

  /** Counts one latency. */
  add(micros: number): void {
    const bucket = bucketOf(micros);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
  }

  /** Adds what another process has counted. */
  merge(counts: LatencyCounts): void {
    for (let index = 0; index + 1 < counts.length; index += 2) {
      const bucket = counts[index] ?? 0;
      const count = counts[index + 1] ?? 0;
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
    }
  }

  /**
   * The latency in milliseconds that a part of all do not exceed; 0 when nothing was counted.
   *
   * @param part - 0 to 1: 0.99 for the 99th percentile, 1 for the longest
   */
  percentile(part: number): number {
    const rank = Math.max(1, Math.ceil(part * this.#total));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return microsOf(bucket) / 1000;
    }
    return 0;
  }

  /** What `merge` takes. */
  toCounts(): LatencyCounts {
    return [...this.#counts.entries()].flatMap(([bucket, count]) =>
      count === 0 ? [] : [bucket, count],
    );
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

function bucketOf(micros: number): number {
  const value = Math.max(0, Math.min(micros, LONGEST)) | 0;
  if (value < EXACT) return value;
  // The position of the highest bit says which doubling; the nine bits below it, which bucket of it.
  const shift = 22 - Math.clz32(value);
  return EXACT + (shift - 1) * PER_DOUBLING + (value >> shift) - PER_DOUBLING;
}

function microsOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const above = bucket - EXACT;
  const shift = Math.floor(above / PER_DOUBLING) + 1;
  return (PER_DOUBLING + (above % PER_DOUBLING)) * 2 ** shift;
}
