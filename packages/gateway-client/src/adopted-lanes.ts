import {
  type ByteReader,
  FrameError,
  type LaneTransferHeader,
  readLaneSend,
  readLaneTransfer,
} from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import { Lane } from './lane.ts';

/** Lanes of other processes that this process keeps. It declines further ones. */
const MAX_LANES = 1024;

/** Longest wait for the next frame of a transfer, in milliseconds. */
const TRANSFER_TIMEOUT_MS = 10_000;

/** A lane whose transfer is not complete. */
interface IncomingLane {
  readonly lane: Lane;
  readonly link: GatewayLink;
  readonly timer: NodeJS.Timeout;
}

/** A lane of another process. */
interface AdoptedLane {
  readonly lane: Lane;
  /** When its process ended, in milliseconds of `performance.now()`. */
  readonly endedAt: number;
  readonly timer: NodeJS.Timeout;
}

/** What became of a frame of a transfer. */
export type TransferResult = 'incomplete' | 'adopted' | 'declined';

/**
 * Lanes of processes that have ended, which this process keeps for clients that resume.
 *
 * All of them together are bounded by the bytes of the own lane; above it, the oldest entries are evicted. A lane is
 * forgotten when all of its entries are too old.
 */
export class AdoptedLanes {
  readonly #own: Lane;
  readonly #now: () => number;
  readonly #lanes = new Map<number, AdoptedLane>();
  readonly #incoming = new Map<number, IncomingLane>();
  #isClosed = false;

  /** @param own - the lane of this process: its limits are those of each adopted lane */
  constructor(own: Lane, now: () => number = () => performance.now()) {
    this.#own = own;
    this.#now = now;
  }

  /** The lanes, in the order in which their transfers were completed. */
  get all(): readonly Lane[] {
    return Array.from(this.#lanes.values(), ({ lane }) => lane);
  }

  /** The lane of a source. */
  find(source: number): Lane | undefined {
    return this.#lanes.get(source)?.lane;
  }

  /** Time since the process of an adopted lane has ended, in milliseconds. */
  endedAgeMs(source: number): number {
    const endedAt = this.#lanes.get(source)?.endedAt;
    return endedAt === undefined ? 0 : this.#now() - endedAt;
  }

  /**
   * Handles a LaneTransfer.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when the header is malformed, or the frame does not follow the one before it
   */
  receive(link: GatewayLink, reader: ByteReader): { source: number; result: TransferResult } {
    const header = readLaneTransfer(reader);
    const { source } = header;
    if (header.isFirst && !this.#begin(link, header)) return { source, result: 'declined' };
    const incoming = this.#incoming.get(source);
    // The transfer was given up before.
    if (incoming?.link !== link) return { source, result: 'declined' };
    const { lane } = incoming;
    if (header.offset !== lane.lastOffset) {
      const text = `a lane continues at ${header.offset} instead of ${lane.lastOffset}`;
      throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
    }
    incoming.timer.refresh();
    // A gateway passes sends on without reading them, so it is not at fault if they are malformed.
    if (!readSends(lane, header, reader)) {
      this.#forgetIncoming(source);
      return { source, result: 'declined' };
    }
    this.#limitBytes();
    if (!header.isLast) return { source, result: 'incomplete' };
    this.#adopt(lane, header.endedAgeMs);
    return { source, result: 'adopted' };
  }

  /** Forgets the incomplete transfers over a link that has ended. */
  removeLink(link: GatewayLink): void {
    for (const [source, incoming] of this.#incoming) {
      if (incoming.link === link) this.#forgetIncoming(source);
    }
  }

  /** Declines every transfer from now on, because this process ends. */
  close(): void {
    this.#isClosed = true;
    for (const source of [...this.#incoming.keys()]) this.#forgetIncoming(source);
    for (const { timer } of this.#lanes.values()) clearTimeout(timer);
  }

  #begin(link: GatewayLink, { source, offset, evictedAgeMs }: LaneTransferHeader): boolean {
    this.#forgetIncoming(source);
    const isKnown = source === this.#own.source || this.#lanes.has(source);
    const { size } = this.#lanes;
    if (this.#isClosed || isKnown || size + this.#incoming.size >= MAX_LANES) return false;
    const lane = new Lane(this.#now, source);
    lane.activate(this.#own.maxAgeMs, this.#own.maxBytes);
    lane.startAfter(offset, evictedAgeMs);
    const timer = setTimeout(() => this.#forgetIncoming(source), TRANSFER_TIMEOUT_MS).unref();
    this.#incoming.set(source, { lane, link, timer });
    return true;
  }

  #adopt(lane: Lane, endedAgeMs: number): void {
    const { source } = lane;
    this.#forgetIncoming(source);
    const leftMs = Math.max(0, lane.maxAgeMs - endedAgeMs);
    const timer = setTimeout(() => this.#lanes.delete(source), leftMs).unref();
    this.#lanes.set(source, { lane, endedAt: this.#now() - endedAgeMs, timer });
  }

  #forgetIncoming(source: number): void {
    clearTimeout(this.#incoming.get(source)?.timer);
    this.#incoming.delete(source);
  }

  #limitBytes(): void {
    const lanes = [...this.#lanes.values(), ...this.#incoming.values()];
    let excess = -this.#own.maxBytes;
    for (const { lane } of lanes) excess += lane.bytes;
    for (const { lane } of lanes) {
      if (excess <= 0) return;
      const { bytes } = lane;
      lane.evictToBytes(Math.max(0, bytes - excess));
      excess -= bytes - lane.bytes;
    }
  }
}

/** Reads the sends of a frame. Returns false when they are malformed. */
function readSends(lane: Lane, { count }: LaneTransferHeader, reader: ByteReader): boolean {
  try {
    for (let left = count; left > 0; left--) lane.restore(readLaneSend(reader));
    return reader.offset === reader.end;
  } catch (error) {
    if (error instanceof FrameError) return false;
    throw error;
  }
}
