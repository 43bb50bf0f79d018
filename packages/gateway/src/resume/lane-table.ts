import type { FrameConnection } from '@gatewayworker/core';

/** The lane of an ended process that another one keeps. */
export interface AdoptedSource {
  readonly lastOffset: number;
  /** In milliseconds of `performance.now()`. */
  readonly adoptedAt: number;
}

/** The sends of one linked process: it numbers them, and keeps them for clients that resume. */
export class CallerLane {
  readonly connection: FrameConnection;
  /** Random id of the process as a source; 0 until its LaneStarted has arrived. */
  source = 0;
  /** Highest offset received from it. */
  top = 0;
  /** True once LaneSubscribe is sent. */
  isSubscribed = false;
  /** True when a client has waited for its LaneStarted in vain. */
  isLate = false;
  /** True once it hands its lanes over: it must not get the lane of another process. */
  isEnding = false;
  /** Lanes of ended processes that it keeps too, by source. */
  readonly adopted: Map<number, AdoptedSource> = new Map();

  constructor(connection: FrameConnection) {
    this.connection = connection;
  }

  /** Returns whether it has the lane of this source. */
  has(source: number): boolean {
    return (source !== 0 && source === this.source) || this.adopted.has(source);
  }

  /** The sources of all its lanes. */
  get sources(): number[] {
    return this.source === 0 ? [] : [this.source, ...this.adopted.keys()];
  }
}

/** A source that no linked process has. */
interface EndedLane {
  readonly top: number;
  readonly endedAt: number;
}

/** What a gateway knows about the end of a source. */
export interface SourceEnd {
  readonly source: number;
  /** Every message up to this offset that is for connected clients has been sent to them. */
  readonly top: number;
  /** The process that has the lane now; `undefined` if it is lost. */
  readonly holder: CallerLane | undefined;
}

/** What a gateway asks of the processes that send to its clients. */
export interface LaneLimits {
  /** Time for which a process keeps a send, in milliseconds. */
  readonly maxAgeMs: number;
  /** Bytes of sends that a process keeps. */
  readonly maxBytes: number;
}

/** Longest wait of a client for processes that have not started their lane, in milliseconds. */
const START_TIMEOUT_MS = 1000;

/** Longest time after which a worker has noticed that the gateway of a client is dead, in milliseconds. */
const NOTICE_TIMEOUT_MS = 5000;

/** Adopted lanes of one process. Further ones count as lost. */
const MAX_ADOPTED = 4096;

/**
 * The lanes of the linked processes. No process numbers its sends before the first client that can resume, so clusters
 * without such clients pay nothing.
 */
export class LaneTable {
  /** Called when a process is linked again that has sent messages meanwhile, after the offset `top`. */
  onRestarted: (lane: CallerLane, top: number) => void = () => undefined;
  /** Called when no process has the lane of an ended source any more. */
  onForgotten: (source: number) => void = () => undefined;
  readonly #limits: LaneLimits;
  readonly #lanes = new Set<CallerLane>();
  /** The linked processes by their own source. */
  readonly #own = new Map<number, CallerLane>();
  /** The linked processes that have the lane of an ended one, the first to announce it first. */
  readonly #adopters = new Map<number, CallerLane[]>();
  readonly #ended = new Map<number, EndedLane>();
  #isUsed = false;
  readonly #waiting = new Set<() => void>();

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** The lanes of the linked processes, also those that have not started. */
  get all(): Iterable<CallerLane> {
    return this.#lanes;
  }

  /** The highest offset received from each source. */
  get positions(): Map<number, number> {
    const positions = new Map<number, number>();
    for (const { source, top } of this.#lanes) if (source !== 0) positions.set(source, top);
    return positions;
  }

  /** Adds a linked process. */
  add(connection: FrameConnection): CallerLane {
    const lane = new CallerLane(connection);
    this.#lanes.add(lane);
    if (this.#isUsed) this.#subscribe(lane);
    return lane;
  }

  /**
   * Removes a process whose link has ended.
   *
   * @param isOrderly - true if everything that it has sent over the link has arrived
   * @returns what is known about each of its sources
   */
  remove(lane: CallerLane, isOrderly: boolean): SourceEnd[] {
    this.#lanes.delete(lane);
    this.#notifyIfStarted();
    if (lane.source === 0) return [];
    this.#forgetOld();
    for (const other of this.#lanes) this.#forgetAdopted(other);
    const now = performance.now();
    const { source, top } = lane;
    if (this.#own.get(source) === lane) this.#own.delete(source);
    const adopted = this.#adopters.get(source)?.[0]?.adopted.get(source);
    // Messages that were sent to other gateways only do not concern the clients of this one.
    const end = isOrderly && adopted !== undefined ? adopted.lastOffset : top;
    const ends = [this.#end(source, { top: end, endedAt: now })];
    for (const [other, { lastOffset, adoptedAt }] of lane.adopted) {
      this.#removeAdopter(lane, other);
      ends.push(this.#end(other, { top: lastOffset, endedAt: adoptedAt }));
    }
    return ends;
  }

  /** Handles LaneStarted. */
  start(lane: CallerLane, source: number, offset: number): void {
    const before = this.#ended.get(source);
    lane.source = source;
    lane.top = offset;
    this.#own.set(source, lane);
    this.#ended.delete(source);
    this.#notifyIfStarted();
    if (before !== undefined && before.top < offset) this.onRestarted(lane, before.top);
  }

  /** Handles LaneAdopted. */
  adopt(lane: CallerLane, source: number, lastOffset: number): void {
    this.#forgetAdopted(lane);
    if (lane.adopted.size >= MAX_ADOPTED) return;
    this.#ended.delete(source);
    if (!lane.adopted.has(source)) {
      const adopters = this.#adopters.get(source);
      if (adopters === undefined) this.#adopters.set(source, [lane]);
      else adopters.push(lane);
    }
    lane.adopted.set(source, { lastOffset, adoptedAt: performance.now() });
  }

  /**
   * The process whose replays of a source count. While the process of the source is linked, it is that one: it may have
   * live messages on their way.
   */
  holderOf(source: number): CallerLane | undefined {
    return this.#own.get(source) ?? this.#adopters.get(source)?.[0];
  }

  /**
   * Restores the lane of a process from the predecessor.
   *
   * @param adopted - source and last offset of each lane that it has adopted
   */
  restore(
    lane: CallerLane,
    source: number,
    top: number,
    adopted: readonly (readonly [source: number, lastOffset: number])[],
  ): void {
    if (source === 0) return;
    this.#isUsed = true;
    lane.isSubscribed = true;
    this.start(lane, source, top);
    for (const [other, lastOffset] of adopted) this.adopt(lane, other, lastOffset);
  }

  /** Resolves when every linked process numbers its sends, or after a second. */
  async started(): Promise<void> {
    this.#isUsed = true;
    if (this.#areStarted) return;
    for (const lane of this.#lanes) this.#subscribe(lane);
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#waiting.add(settle);
    const timer = setTimeout(settle, START_TIMEOUT_MS);
    await settled;
    clearTimeout(timer);
    // After a timeout no later client waits for these processes.
    if (this.#waiting.delete(settle)) for (const lane of this.#lanes) lane.isLate = true;
  }

  /**
   * Returns the sources that have ended and whose messages a client may miss.
   *
   * @param positions - of the client, by source
   * @param away - `awayMs` is the time since the client lost its connection, in milliseconds; `isMoved` is true if the
   * client has been at another gateway, whose messages this one does not know
   */
  missed(
    positions: ReadonlyMap<number, number>,
    { awayMs, isMoved }: { readonly awayMs: number; readonly isMoved: boolean },
  ): number[] {
    const droppedAt = performance.now() - awayMs;
    const isUnsure = ({ endedAt }: EndedLane): boolean =>
      isMoved && endedAt >= droppedAt - NOTICE_TIMEOUT_MS;
    const missed: number[] = [];
    for (const [source, offset] of positions) {
      if (this.holderOf(source) !== undefined) continue;
      const ended = this.#ended.get(source);
      if (ended === undefined || offset < ended.top || isUnsure(ended)) missed.push(source);
    }
    for (const [source, { endedAt }] of this.#ended) {
      if (!positions.has(source) && endedAt >= droppedAt) missed.push(source);
    }
    return missed;
  }

  get #areStarted(): boolean {
    return [...this.#lanes].every(({ source, isLate }) => source !== 0 || isLate);
  }

  #subscribe(lane: CallerLane): void {
    if (lane.isSubscribed) return;
    lane.isSubscribed = true;
    lane.connection.send({ type: 'laneSubscribe', ...this.#limits });
  }

  #notifyIfStarted(): void {
    if (!this.#areStarted) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #end(source: number, ended: EndedLane): SourceEnd {
    const holder = this.holderOf(source);
    if (holder === undefined) this.#ended.set(source, ended);
    return { source, top: ended.top, holder };
  }

  #removeAdopter(lane: CallerLane, source: number): void {
    const left = this.#adopters.get(source)?.filter((other) => other !== lane) ?? [];
    if (left.length === 0) this.#adopters.delete(source);
    else this.#adopters.set(source, left);
  }

  /** Forgets the adopted lanes of a process whose sends are all too old: the process has forgotten them too. */
  #forgetAdopted(lane: CallerLane): void {
    const oldest = performance.now() - this.#limits.maxAgeMs;
    for (const [source, { lastOffset, adoptedAt }] of lane.adopted) {
      if (adoptedAt >= oldest) return;
      lane.adopted.delete(source);
      this.#removeAdopter(lane, source);
      const { holder } = this.#end(source, { top: lastOffset, endedAt: adoptedAt });
      if (holder === undefined) this.onForgotten(source);
    }
  }

  /** No client can resume that was connected to a source which ended longer ago than the age limit. */
  #forgetOld(): void {
    const oldest = performance.now() - this.#limits.maxAgeMs;
    for (const [source, { endedAt }] of this.#ended) {
      if (endedAt >= oldest) return;
      this.#ended.delete(source);
    }
  }
}
