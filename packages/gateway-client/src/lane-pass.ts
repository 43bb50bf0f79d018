import {
  type ByteWriter,
  type ClientAddress,
  type Message,
  type Payload,
  parseClientId,
  type ReceiptRequest,
  type SourcePosition,
  writeReplay,
  writeReplayWithReceipt,
} from '@gatewayworker/protocol';
import type { Lane, LaneEntry } from './lane.ts';

/** Where a pass writes. */
export interface ReplayOutput {
  /** True while the link has no room for replays. */
  readonly isFull: boolean;
  writer(): ByteWriter;
  /** The receipt that the sender of this offset of a source expects of a client; `undefined` for none. */
  receiptOf?(position: SourcePosition, clientId: string): ReceiptRequest | undefined;
}

/** What the pass says about a lane at the end of the answer to one client. */
export interface LaneAnswer {
  /** The last offset of the lane, if the client knows the lane or has missed a send of it. */
  readonly position: SourcePosition | undefined;
  /** Sends up to this offset may be missing. */
  readonly gap: SourcePosition | undefined;
}

/** The request of one client, and what it has missed. Times are those of `performance.now()`. */
interface PendingReplay {
  readonly requestId: number;
  readonly clientId: ClientAddress | undefined;
  /** The client id as text, for receipts. */
  readonly clientIdText: string;
  /** What the client has received of this lane; `undefined` if it knows nothing of it. */
  readonly position: number | undefined;
  /** Start of the session. */
  readonly since: number;
  /** The last offset that was matched or excluded, so that a client gets an entry once. */
  seenOffset: number;
  /** True once an entry was found for the client. */
  hasMissed: boolean;
  isDone: boolean;
}

/** A client that has had a uid or a group since this time. */
interface Member {
  readonly replay: PendingReplay;
  readonly since: number;
}

/** One pass over a lane for several ReplayRequests, in steps. */
export class LanePass {
  readonly #lane: Lane;
  readonly #output: ReplayOutput;
  readonly #replays: PendingReplay[] = [];
  /** By a random part of the client id; the rest is compared. */
  readonly #ofNonce = new Map<number, PendingReplay[]>();
  readonly #ofUid = new Map<string, Member[]>();
  readonly #ofGroup = new Map<string, Member[]>();
  /** Offset of the next entry to match. */
  #nextOffset = Number.POSITIVE_INFINITY;
  /** The entry that is being written, its payload, its offset and its receivers from `#nextReceiver` on. */
  #entry: LaneEntry | undefined;
  #payload: Payload = '';
  #offset = 0;
  #receivers: readonly PendingReplay[] = [];
  #nextReceiver = 0;
  /** Entries up to this offset were evicted before the pass reached them, and when the newest of them was sent. */
  #missedOffset: number;
  #missedTime: number;

  constructor(lane: Lane, output: ReplayOutput) {
    this.#lane = lane;
    this.#output = output;
    lane.evict();
    this.#missedOffset = lane.evictedOffset;
    this.#missedTime = lane.lastEvictedTime;
  }

  /** Number of added requests. */
  get size(): number {
    return this.#replays.length;
  }

  /** Source of the lane. */
  get source(): number {
    return this.#lane.source;
  }

  /** True when every entry was matched and written. */
  get isAtEnd(): boolean {
    return this.#nextReceiver >= this.#receivers.length && this.#nextOffset > this.#lane.lastOffset;
  }

  /**
   * Adds a request. All must be added before the first step.
   *
   * @param startedAt - when it arrived
   */
  add(request: Message<'replayRequest'>, startedAt: number): void {
    const clientId = parseClientId(request.clientId);
    const { source } = this.#lane;
    const position = request.positions.find((one) => one.source === source)?.offset;
    const replay: PendingReplay = {
      requestId: request.requestId,
      clientId,
      clientIdText: request.clientId,
      position,
      since: startedAt - request.ageMs,
      seenOffset: position ?? 0,
      hasMissed: false,
      isDone: false,
    };
    this.#replays.push(replay);
    this.#nextOffset = Math.min(this.#nextOffset, replay.seenOffset + 1);
    if (clientId !== undefined) addTo(this.#ofNonce, clientId.nonceLow, replay);
    if (request.uid !== undefined) {
      addTo(this.#ofUid, request.uid, { replay, since: startedAt - request.uidAgeMs });
    }
    for (const { group, ageMs } of request.groups) {
      addTo(this.#ofGroup, group, { replay, since: startedAt - ageMs });
    }
  }

  /** Matches the next entry, or writes it for the next client. */
  step(): void {
    if (this.#nextReceiver < this.#receivers.length) this.#writeNext();
    else this.#matchNext();
  }

  /** Ends the answer to the client of a request. The pass must be at its end. */
  finish(index: number): LaneAnswer {
    const { source, lastOffset } = this.#lane;
    const replay = this.#replays[index];
    if (replay === undefined) return { position: undefined, gap: undefined };
    replay.isDone = true;
    const { position = 0, since, hasMissed } = replay;
    const isKnown = replay.position !== undefined || hasMissed;
    const mayMiss = this.#missedOffset > position && this.#missedTime >= since;
    return {
      position: isKnown ? { source, offset: lastOffset } : undefined,
      gap: mayMiss ? { source, offset: this.#missedOffset } : undefined,
    };
  }

  #writeNext(): void {
    const replay = this.#receivers[this.#nextReceiver];
    this.#nextReceiver += 1;
    if (replay === undefined || this.#entry === undefined) return;
    const { requestId } = replay;
    const { number, isFailed } = this.#entry;
    const payload = this.#payload;
    const { source } = this.#lane;
    const offset = this.#offset;
    const send = { requestId, source, offset, number, payload, isFailed };
    const receipt = this.#output.receiptOf?.(send, replay.clientIdText);
    if (receipt === undefined) writeReplay(this.#output.writer(), send);
    else writeReplayWithReceipt(this.#output.writer(), send, receipt);
  }

  #matchNext(): void {
    const { evictedOffset, lastEvictedTime } = this.#lane;
    if (this.#nextOffset <= evictedOffset) {
      this.#missedOffset = evictedOffset;
      this.#missedTime = lastEvictedTime;
      this.#nextOffset = evictedOffset + 1;
      return;
    }
    this.#offset = this.#nextOffset;
    this.#entry = this.#lane.at(this.#offset);
    this.#nextOffset += 1;
    if (this.#entry === undefined) return;
    this.#receivers = this.#match(this.#entry);
    this.#nextReceiver = 0;
    if (this.#receivers.length > 0) this.#payload = this.#entry.payload;
  }

  #match({ receivers, time }: LaneEntry): PendingReplay[] {
    const found: PendingReplay[] = [];
    const offset = this.#offset;
    const add = (replay: PendingReplay): void => {
      if (replay.isDone || replay.seenOffset >= offset) return;
      replay.seenOffset = offset;
      replay.hasMissed = true;
      found.push(replay);
    };
    const addMembers = (members: readonly Member[] = []): void => {
      for (const { replay, since } of members) if (time >= since) add(replay);
    };
    switch (receivers.kind) {
      case 'clients':
        for (const client of receivers.clients) this.#eachOf(client, add);
        break;
      case 'uids':
        for (const uid of receivers.uids) addMembers(this.#ofUid.get(uid));
        break;
      case 'groups':
        this.#exclude(receivers.excluded);
        for (const group of receivers.groups) addMembers(this.#ofGroup.get(group));
        break;
      case 'all':
        this.#exclude(receivers.excluded);
        for (const replay of this.#replays) {
          // A client with a position was there when the entry was sent.
          if (replay.position !== undefined || time >= replay.since) add(replay);
        }
        break;
    }
    return found;
  }

  #exclude(clients: readonly ClientAddress[]): void {
    const skip = (replay: PendingReplay): void => {
      replay.seenOffset = Math.max(replay.seenOffset, this.#offset);
    };
    for (const client of clients) this.#eachOf(client, skip);
  }

  /** Calls back for each request of a client. */
  #eachOf(client: ClientAddress, onReplay: (replay: PendingReplay) => void): void {
    for (const replay of this.#ofNonce.get(client.nonceLow) ?? []) {
      if (isSameClient(replay.clientId, client)) onReplay(replay);
    }
  }
}

function isSameClient(a: ClientAddress | undefined, b: ClientAddress): boolean {
  return (
    a?.nonceLow === b.nonceLow &&
    a.nonceHigh === b.nonceHigh &&
    a.connection === b.connection &&
    a.gatewayToken === b.gatewayToken
  );
}

function addTo<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
