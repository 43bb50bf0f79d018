import { randomInt } from 'node:crypto';
import {
  ByteReader,
  ByteWriter,
  type LaneReceivers,
  type Payload,
  readLaneSend,
  type TransferredSend,
  writeLaneSend,
} from '@gatewayworker/protocol';

/** A send that is kept for clients that are away. */
export interface LaneEntry extends Omit<TransferredSend, 'ageMs'> {
  /** When it was sent, in whole milliseconds of `performance.now()`. */
  readonly time: number;
}

/** Bytes at which a segment is full. */
const SEGMENT_BYTES = 262_144;

/** Memory of an entry besides its encoded bytes. */
const INDEX_BYTES = 8;

/** Times are stored modulo this number of milliseconds: a lane keeps no entry as long. */
const TIME_RANGE = 2 ** 32;

/** Consecutive entries, encoded: as objects they would burden the garbage collector of a busy process. */
class Segment {
  readonly writer: ByteWriter;
  /** Index of the first byte of each entry. */
  readonly starts: number[] = [];
  /** Offset of the first entry. */
  readonly firstOffset: number;

  constructor(firstOffset: number, initialBytes: number) {
    this.firstOffset = firstOffset;
    this.writer = new ByteWriter(initialBytes);
  }

  /** Index after the last byte of an entry. */
  endOf(index: number): number {
    return this.starts[index + 1] ?? this.writer.length;
  }
}

/**
 * The sends of a process, in order, numbered with rising offsets from 1: what clients that are away have missed. It is
 * this process, or another one that has ended and has handed its lane over.
 *
 * The newest entries are kept, bounded by age and by bytes. Until a gateway subscribes, the lane is not active: nothing
 * is recorded then. Expired entries are removed at the next record or replay, so the lane needs no timer.
 */
export class Lane {
  /** Random id of the lane, never 0. */
  readonly source: number;
  /** True once a gateway has subscribed; every send must be recorded from then on. */
  isActive = false;
  /** Offset of the last entry; 0 before the first. */
  lastOffset = 0;
  /** When the newest evicted entry was sent. */
  lastEvictedTime: number = Number.NEGATIVE_INFINITY;
  /** Age up to which an entry is kept, in milliseconds. */
  maxAgeMs = 0;
  /** Bytes up to which entries are kept. */
  maxBytes = 0;
  /** Offset of the last entry that was evicted, and so the number of evicted entries. */
  evictedOffset = 0;
  #bytes = 0;
  #segments: Segment[] = [];
  readonly #reader = new ByteReader();
  readonly #epoch: number;
  readonly #now: () => number;

  /**
   * @param now - returns the time in milliseconds
   * @param source - the source of another process @default a random one
   */
  constructor(now: () => number = () => performance.now(), source: number = randomInt(1, 2 ** 32)) {
    this.#now = now;
    // Early enough for the entries of another process.
    this.#epoch = Math.floor(now()) - TIME_RANGE / 2;
    this.source = source;
  }

  /** Number of kept entries. */
  get size(): number {
    return this.lastOffset - this.evictedOffset;
  }

  /** Estimated memory of the kept entries, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Starts the lane. If several gateways ask, the maximum of each bound counts. */
  activate(maxAgeMs: number, maxBytes: number): void {
    this.isActive = true;
    this.maxAgeMs = Math.max(this.maxAgeMs, maxAgeMs);
    this.maxBytes = Math.max(this.maxBytes, maxBytes);
  }

  /**
   * Records a send. Lists of receivers must not change afterwards; bytes of the payload are copied.
   *
   * @param number - number of the request that it answers; 0 for a message
   * @param isFailed - true for the error of a request that failed
   * @returns its offset
   */
  record(receivers: LaneReceivers, payload: Payload, number = 0, isFailed = false): number {
    const time = Math.floor(this.#now());
    this.#push({ time, receivers, payload, number, isFailed });
    this.#evictUntil(time, time - this.maxAgeMs);
    return this.lastOffset;
  }

  /** Continues the empty lane of another process behind its evicted entries, of which `offset` is the last. */
  startAfter(offset: number, evictedAgeMs: number): void {
    this.lastOffset = offset;
    this.evictedOffset = offset;
    this.lastEvictedTime = this.#now() - evictedAgeMs;
  }

  /** Adds a send of another process, in the order of its lane. Bytes of the payload are copied. */
  restore({ ageMs, ...send }: TransferredSend): void {
    const now = this.#now();
    // The time that the transfer takes is not the same for each entry, but their order is that of their times.
    const earliest = this.at(this.lastOffset)?.time ?? Number.NEGATIVE_INFINITY;
    this.#push({ ...send, time: Math.max(earliest, Math.floor(now - ageMs)) });
    this.#evictUntil(Math.floor(now), now - this.maxAgeMs);
  }

  /** The time since an entry was sent, in milliseconds. */
  ageOf(time: number): number {
    return this.#now() - time;
  }

  #push({ time, ...send }: LaneEntry): void {
    this.lastOffset += 1;
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.writer.length >= SEGMENT_BYTES) {
      // The first one grows from a small size, because most lanes stay small.
      segment = new Segment(this.lastOffset, segment === undefined ? 0 : SEGMENT_BYTES);
      this.#segments.push(segment);
    }
    const { writer, starts } = segment;
    const start = writer.length;
    starts.push(start);
    writeLaneSend(writer, { ...send, ageMs: this.#toStored(time) });
    this.#bytes += writer.length - start + INDEX_BYTES;
  }

  /** The entry with this offset; `undefined` when it was evicted or not yet recorded. Its bytes must not be changed. */
  at(offset: number): LaneEntry | undefined {
    if (offset <= this.evictedOffset || offset > this.lastOffset) return undefined;
    const segment = this.#segments.findLast(({ firstOffset }) => firstOffset <= offset);
    if (segment === undefined) return undefined;
    const index = offset - segment.firstOffset;
    const { writer, starts } = segment;
    const reader = this.#reader.reset(writer.buffer, starts[index] ?? 0, segment.endOf(index));
    const { ageMs: stored, ...send } = readLaneSend(reader);
    return { ...send, time: this.#toTime(stored, Math.floor(this.#now())) };
  }

  /** Removes the entries that are too old. */
  evict(): void {
    const now = this.#now();
    this.#evictUntil(Math.floor(now), now - this.maxAgeMs);
  }

  /** Removes the oldest entries until at most this many bytes are left. */
  evictToBytes(maxBytes: number): void {
    this.#evictUntil(Math.floor(this.#now()), Number.NEGATIVE_INFINITY, maxBytes);
  }

  /** @param now - the time, in whole milliseconds */
  #evictUntil(now: number, minTime: number, maxBytes = this.maxBytes): void {
    let [segment] = this.#segments;
    while (segment !== undefined && this.size > 0) {
      const index = this.evictedOffset + 1 - segment.firstOffset;
      const start = segment.starts[index] ?? 0;
      const time = this.#toTime(segment.writer.buffer.readUInt32BE(start), now);
      if (time >= minTime && this.#bytes <= maxBytes) return;
      this.#bytes -= segment.endOf(index) - start + INDEX_BYTES;
      this.lastEvictedTime = time;
      this.evictedOffset += 1;
      if (index + 1 < segment.starts.length) continue;
      this.#segments.shift();
      [segment] = this.#segments;
    }
  }

  #toStored(time: number): number {
    return (time - this.#epoch) % TIME_RANGE;
  }

  /** Reverses `#toStored` for a time that is at most `TIME_RANGE` ago. */
  #toTime(stored: number, now: number): number {
    return now - ((now - this.#epoch - stored) % TIME_RANGE);
  }
}
