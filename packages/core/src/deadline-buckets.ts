/** Interval of the checks, in milliseconds. */
const TICK_MS = 50;

/**
 * Items with a deadline each. One timer serves all of them and runs only while there is an item; a check visits only
 * items that are due.
 */
export class DeadlineBuckets<Item extends object> {
  readonly #onDue: (item: Item) => void;
  readonly #clock: () => number;
  /** Items by the tick in which they are due. */
  readonly #buckets = new Map<number, Set<Item>>();
  readonly #tickOf = new Map<Item, number>();
  /** The last tick that was checked. */
  #checked = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onDue - called once for each item that is due, after its removal; it must not throw
   * @param clock - returns the time in milliseconds
   */
  constructor(onDue: (item: Item) => void, clock: () => number = () => performance.now()) {
    this.#onDue = onDue;
    this.#clock = clock;
  }

  /** Number of items. */
  get size(): number {
    return this.#tickOf.size;
  }

  /** Adds an item, which is due after `timeoutMs`; up to 50 ms later than that. */
  add(item: Item, timeoutMs: number): void {
    const now = this.#clock();
    if (this.#timer === undefined) {
      this.#checked = Math.floor(now / TICK_MS);
      this.#timer = setInterval(() => this.check(), TICK_MS);
    }
    const tick = Math.max(this.#checked + 1, Math.ceil((now + timeoutMs) / TICK_MS));
    const bucket = this.#buckets.get(tick);
    if (bucket === undefined) this.#buckets.set(tick, new Set([item]));
    else bucket.add(item);
    this.#tickOf.set(item, tick);
  }

  /** Removes an item, whether it is there or not. */
  delete(item: Item): void {
    const tick = this.#tickOf.get(item);
    if (tick === undefined) return;
    this.#tickOf.delete(item);
    const bucket = this.#buckets.get(tick);
    bucket?.delete(item);
    if (bucket?.size === 0) this.#buckets.delete(tick);
    this.#stopIfEmpty();
  }

  /** Removes the items that are due, and calls back for each. */
  check(): void {
    const now = Math.floor(this.#clock() / TICK_MS);
    while (this.#checked < now && this.size > 0) {
      this.#checked += 1;
      const bucket = this.#buckets.get(this.#checked);
      if (bucket === undefined) continue;
      this.#buckets.delete(this.#checked);
      for (const item of bucket) this.#tickOf.delete(item);
      for (const item of bucket) this.#onDue(item);
    }
    this.#checked = now;
    this.#stopIfEmpty();
  }

  /** Removes every item. */
  clear(): void {
    this.#buckets.clear();
    this.#tickOf.clear();
    this.#stopIfEmpty();
  }

  #stopIfEmpty(): void {
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
