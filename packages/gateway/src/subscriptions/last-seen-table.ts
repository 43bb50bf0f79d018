/** Bounds of the table. */
export interface LastSeenLimits {
  readonly uids: number;
  readonly characters: number;
}

/** Uids in the table, and their characters; the one recorded first is evicted first. */
const defaultLimits: LastSeenLimits = { uids: 100_000, characters: 8 * 1024 * 1024 };

/** Recorded uids that are read in one turn of the event loop. */
const ENTRIES_PER_BATCH = 5000;

/** A uid, and the time since it was last connected, in milliseconds. */
export type LastSeenEntry = readonly [uid: string, agoMs: number];

/**
 * When connections of uids ended. It serves `getUidState` after the last client of a uid is gone. It is bounded by
 * evicting the oldest entry, so it needs no timer.
 */
export class LastSeenTable {
  /** Times of `performance.now()`, in the order in which they were recorded. */
  readonly #times = new Map<string, number>();
  readonly #limits: LastSeenLimits;
  #characters = 0;

  constructor(limits: LastSeenLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Number of recorded uids. */
  get size(): number {
    return this.#times.size;
  }

  /** Records that a connection of a uid ended `agoMs` milliseconds ago. A later end counts. */
  record(uid: string, agoMs: number): void {
    const endedAt = performance.now() - agoMs;
    const before = this.#times.get(uid) ?? endedAt;
    this.#delete(uid);
    this.#times.set(uid, Math.max(before, endedAt));
    this.#characters += uid.length;
    for (const oldest of this.#times.keys()) {
      if (this.size <= this.#limits.uids && this.#characters <= this.#limits.characters) return;
      this.#delete(oldest);
    }
  }

  /** Time since a connection of a uid ended, in milliseconds; `undefined` if none is recorded. */
  agoMs(uid: string): number | undefined {
    const endedAt = this.#times.get(uid);
    return endedAt === undefined ? undefined : performance.now() - endedAt;
  }

  /**
   * Lists the entries in batches, the oldest first.
   *
   * @param since - only those recorded at this time of `performance.now()` or later
   */
  *batches(since: number = Number.NEGATIVE_INFINITY): IterableIterator<LastSeenEntry[]> {
    const now = performance.now();
    let batch: LastSeenEntry[] = [];
    for (const [uid, endedAt] of this.#times) {
      if (endedAt < since) continue;
      batch.push([uid, now - endedAt]);
      if (batch.length < ENTRIES_PER_BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  #delete(uid: string): void {
    if (this.#times.delete(uid)) this.#characters -= uid.length;
  }
}
