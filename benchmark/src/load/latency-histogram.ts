/** Values below this many microseconds have a bucket each; above, there are 512 buckets per doubling. */
const EXACT = 1024;
const PER_DOUBLING = 512;
const DOUBLINGS = 21;
const MAX_MICROS = 2 ** 31 - 1;

/** Counts of latencies for another process: bucket numbers and their counts, alternating. */
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

  /** Adds the counts of another process. */
  merge(counts: LatencyCounts): void {
    for (let index = 0; index + 1 < counts.length; index += 2) {
      const bucket = counts[index] ?? 0;
      const count = counts[index + 1] ?? 0;
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
    }
  }

  /**
   * Returns a percentile in milliseconds; 0 when nothing was counted.
   *
   * @param part - 0 to 1: 0.99 for the 99th percentile, 1 for the maximum
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

  /** Returns the counts for `merge`. */
  toCounts(): LatencyCounts {
    return [...this.#counts.entries()].flatMap(([bucket, count]) =>
      count === 0 ? [] : [bucket, count],
    );
  }

  /** Resets all counts. */
  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

function bucketOf(micros: number): number {
  const value = Math.max(0, Math.min(micros, MAX_MICROS)) | 0;
  if (value < EXACT) return value;
  // The position of the highest bit selects the doubling, the nine bits below it the bucket.
  const shift = 22 - Math.clz32(value);
  return EXACT + (shift - 1) * PER_DOUBLING + (value >> shift) - PER_DOUBLING;
}

function microsOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const above = bucket - EXACT;
  const shift = Math.floor(above / PER_DOUBLING) + 1;
  return (PER_DOUBLING + (above % PER_DOUBLING)) * 2 ** shift;
}
