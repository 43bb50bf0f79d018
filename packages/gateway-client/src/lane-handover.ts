import {
  beginLaneTransfer,
  endLaneTransfer,
  LaneTransferState,
  writeLaneSend,
} from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import type { Lane } from './lane.ts';

/** Bytes of a frame above which it gets no further send. */
const FRAME_BYTES = 262_144;

/** Longest wait for an answer of a gateway, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1000;

/** Longest time of a handover, in milliseconds. */
const HANDOVER_TIMEOUT_MS = 5000;

/** A lane, and the age of its end if it was adopted. */
export interface LaneToHandOver {
  readonly lane: Lane;
  readonly endedAgeMs: number;
}

/** Options of a handover. */
export interface LaneHandoverOptions {
  /** The own lane and then the adopted ones, to be transferred in this order. */
  readonly lanes: readonly LaneToHandOver[];
  /** The link that carries the transfer; `undefined` when there is none. */
  readonly link: GatewayLink | undefined;
  /** The links whose gateways must know the new process before this one ends. */
  readonly links: readonly GatewayLink[];
  /** Called when the own lane is transferred up to its last send, or will not be: no send may be recorded any more. */
  readonly onLaneEnd: () => void;
}

/**
 * Hands the lanes of a process that ends over to another one, by way of a gateway.
 *
 * One frame is on its way at a time, so the handover needs little memory in each process. It is over when every gateway
 * knows who has the lanes, when they are declined, or when no answer arrives in time: then they end with this process.
 */
export class LaneHandover {
  /** Resolves when it is over. */
  readonly over: Promise<void>;
  readonly #options: LaneHandoverOptions;
  /** Sources that a gateway does not know to be taken. */
  readonly #unconfirmed = new Map<GatewayLink, Set<number>>();
  /** Index of the lane that is being transferred. */
  #index = 0;
  /** Source of the last frame. */
  #sentSource = 0;
  /** Offset of the last send that was transferred; `undefined` before the first frame of a lane. */
  #offset: number | undefined;
  #isOver = false;
  #resolve: () => void = () => undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LaneHandoverOptions) {
    this.#options = options;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const { link, links, lanes } = options;
    for (const one of links) {
      this.#unconfirmed.set(one, new Set(lanes.map(({ lane }) => lane.source)));
    }
    if (link === undefined) {
      this.#finish();
      return;
    }
    this.#answerTimer = setTimeout(() => this.#finish(), ANSWER_TIMEOUT_MS);
    this.#timer = setTimeout(() => this.#finish(), HANDOVER_TIMEOUT_MS);
    this.#sendNext();
  }

  /** True when the links may be closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Handles LaneTransferState. */
  handleState(link: GatewayLink, source: number, state: LaneTransferState): void {
    if (this.#isOver) return;
    const isCarrier = link === this.#options.link;
    if (state === LaneTransferState.Taken) {
      this.#unconfirmed.get(link)?.delete(source);
      this.#answerTimer?.refresh();
      this.#finishIfConfirmed();
    } else if (state === LaneTransferState.Declined) {
      if (isCarrier) this.#finish();
    } else if (isCarrier && source === this.#sentSource) {
      this.#answerTimer?.refresh();
      this.#sendNext();
    }
  }

  /** Handles the end of a link. */
  removeLink(link: GatewayLink): void {
    this.#unconfirmed.delete(link);
    if (link === this.#options.link) this.#finish();
    else this.#finishIfConfirmed();
  }

  /** Sends the next frame. */
  #sendNext(): void {
    const { link, lanes, onLaneEnd } = this.#options;
    const next = lanes[this.#index];
    if (link === undefined || next === undefined) return;
    if (!link.connection.isOpen) {
      this.#finish();
      return;
    }
    const { lane, endedAgeMs } = next;
    lane.evict();
    const { source, evictedOffset } = lane;
    // Sends that were evicted since the last frame leave a hole, so the transfer begins again.
    const isFirst = this.#offset === undefined || this.#offset < evictedOffset;
    let offset = isFirst ? evictedOffset : (this.#offset ?? 0);
    const evictedAgeMs = lane.ageOf(lane.lastEvictedTime);
    const writer = link.connection.writer();
    const start = beginLaneTransfer(writer, { source, isFirst, offset, evictedAgeMs, endedAgeMs });
    const before = offset;
    for (;;) {
      const entry = lane.at(offset + 1);
      if (entry === undefined || writer.length - start >= FRAME_BYTES) break;
      writeLaneSend(writer, { ...entry, ageMs: lane.ageOf(entry.time) });
      offset += 1;
    }
    const isLast = offset === lane.lastOffset;
    endLaneTransfer(writer, start, { count: offset - before, isLast });
    this.#offset = offset;
    this.#sentSource = source;
    if (!isLast) return;
    if (this.#index === 0) onLaneEnd();
    this.#index += 1;
    this.#offset = undefined;
  }

  #finishIfConfirmed(): void {
    if ([...this.#unconfirmed.values()].every(({ size }) => size === 0)) this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#timer);
    this.#options.onLaneEnd();
    this.#resolve();
  }
}
