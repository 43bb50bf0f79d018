import { busy } from '../app-error.ts';

/** First moment of the ids, 2025-01-01 in UTC, in milliseconds since 1970. */
export const epochMs = 1_735_689_600_000;

const nodeBits = 10n;
const sequenceBits = 12n;
const lastSequence = (1 << Number(sequenceBits)) - 1;

/**
 * What a generator may use: a node number, and a stretch of time that nobody else has with this number.
 *
 * Two holders of one number, one after the other, never have a millisecond in common, whatever their clocks say.
 */
export interface IdRange {
  /** 0 to 1023. */
  readonly node: number;
  /** Ids are later than this time, in milliseconds since 1970. */
  readonly afterMs: number;
  /** Ids are not later than this time. */
  readonly untilMs: number;
}

/**
 * Makes 64-bit ids: unique, rising within a process, roughly ordered in time between processes.
 *
 * `| 42 bits milliseconds since 2025 | 10 bits node | 12 bits sequence |`, good until the year 2164.
 *
 * When the clock steps back, the last millisecond goes on: its ids are used up, then those of the next one are
 * borrowed, until the clock has caught up. So ids go on rising and nobody waits; they are a little less in order
 * with those of other processes meanwhile. More than 4,096 in a millisecond borrow in the same way. What is borrowed never
 * goes beyond the range: there the generator refuses, and never repeats.
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

  /** Goes on within another range: later, longer, or of another node. Undefined stops it. */
  use(range: IdRange | undefined): void {
    this.#range = range;
  }

  /**
   * The next id, in decimal digits.
   *
   * @throws {AppError} `busy` when there is no range or it is used up
   */
  next(): string {
    const range = this.#range;
    if (range === undefined) throw busy('This server has no number of its own right now.');
    const now = Math.max(this.#now(), range.afterMs + 1);
    let [ms, sequence] = [this.#lastMs, this.#sequence + 1];
    if (now > ms) [ms, sequence] = [now, 0];
    else if (sequence > lastSequence) [ms, sequence] = [ms + 1, 0];
    if (ms > range.untilMs) throw busy('This server has lost its number.');
    [this.#lastMs, this.#sequence] = [ms, sequence];
    const high = (BigInt(ms - epochMs) << nodeBits) | BigInt(range.node);
    return ((high << sequenceBits) | BigInt(sequence)).toString();
  }
}

/** What an id is made of. */
export interface IdParts {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly node: number;
  readonly sequence: number;
}

/** Takes an id apart, for those who look into a database. */
export function parseId(id: string): IdParts {
  const value = BigInt(id);
  return {
    ms: Number(value >> (nodeBits + sequenceBits)) + epochMs,
    node: Number((value >> sequenceBits) & ((1n << nodeBits) - 1n)),
    sequence: Number(value & ((1n << sequenceBits) - 1n)),
  };
}

/** Tells whether a text is a 64-bit number in decimal digits, written in the one way there is. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && /^[1-9]\d{0,19}$/.test(text) && BigInt(text) < 1n << 64n;
}
