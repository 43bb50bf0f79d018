import { busy } from '../app-error.ts';

/** Epoch of the ids, 2025-01-01 UTC, in milliseconds since 1970. */
export const epochMs = 1_735_689_600_000;

const nodeBits = 10n;
const sequenceBits = 12n;
const lastSequence = (1 << Number(sequenceBits)) - 1;

/**
 * The node number and the time range that a generator may use.
 *
 * The ranges of successive holders of one number never overlap, whatever their clocks show.
 */
export interface IdRange {
  /** 0 to 1023. */
  readonly node: number;
  /** Times of ids are after this one, in milliseconds since 1970. */
  readonly afterMs: number;
  /** Times of ids are not after this one. */
  readonly untilMs: number;
}

/**
 * Creates 64-bit ids: unique, increasing within a process, roughly ordered in time between processes.
 *
 * `| 42 bits milliseconds since 2025 | 10 bits node | 12 bits sequence |`, sufficient until the year 2164.
 *
 * If the clock steps back, the generator continues in the last millisecond, and borrows the following ones until the
 * clock has caught up. So ids keep increasing without a wait, but are less ordered relative to other processes. More than
 * 4,096 ids in a millisecond borrow in the same way. The generator never exceeds its range: it throws instead.
 */
export class IdGenerator {
  readonly #now: () => number;
  #range: IdRange | undefined;
  #lastMs = 0;
  #sequence = 0;

  /** @param now - the clock, in milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Time of the last id, in milliseconds since 1970; 0 before the first one. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Sets the range: a later end, or another node. Undefined stops the generator. */
  use(range: IdRange | undefined): void {
    this.#range = range;
  }

  /**
   * Returns the next id, in decimal digits.
   *
   * @throws {AppError} `busy` when there is no range or it is exhausted
   */
  next(): string {
    const range = this.#range;
    if (range === undefined) throw busy('This server has no node number.');
    const now = Math.max(this.#now(), range.afterMs + 1);
    let [ms, sequence] = [this.#lastMs, this.#sequence + 1];
    if (now > ms) [ms, sequence] = [now, 0];
    else if (sequence > lastSequence) [ms, sequence] = [ms + 1, 0];
    if (ms > range.untilMs) throw busy('The node lease of this server has expired.');
    [this.#lastMs, this.#sequence] = [ms, sequence];
    const high = (BigInt(ms - epochMs) << nodeBits) | BigInt(range.node);
    return ((high << sequenceBits) | BigInt(sequence)).toString();
  }
}

/** The parts of an id. */
export interface IdParts {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly node: number;
  readonly sequence: number;
}

/** Splits an id into its parts, for debugging and tests. */
export function parseId(id: string): IdParts {
  const value = BigInt(id);
  return {
    ms: Number(value >> (nodeBits + sequenceBits)) + epochMs,
    node: Number((value >> sequenceBits) & ((1n << nodeBits) - 1n)),
    sequence: Number(value & ((1n << sequenceBits) - 1n)),
  };
}

/** Returns true for the canonical decimal form of a 64-bit number. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && /^[1-9]\d{0,19}$/.test(text) && BigInt(text) < 1n << 64n;
}
