import {
  type ByteReader,
  type Message,
  PayloadFlag,
  readFlags,
  readOffset,
  readPosition,
  readReceiptRequest,
  type SourcePosition,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { CallerLane, LaneTable, SourceEnd } from './lane-table.ts';
import { messageHeader, replyHeader } from './message-header.ts';
import type { Receipts } from './receipts.ts';

/** A replay that a process has not completed. */
interface PendingReplay {
  readonly client: ClientConnection;
  readonly lane: CallerLane;
  /** Positions of the client when it resumed, by source. */
  readonly positions: ReadonlyMap<number, number>;
}

/** Requests the messages that clients have missed, and sends them. */
export class Replays {
  readonly #lanes: LaneTable;
  readonly #clientId: (client: ClientConnection) => string;
  readonly #clients: () => Iterable<ClientConnection>;
  readonly #pending = new Map<number, PendingReplay>();
  #lastId = 0;

  constructor(
    lanes: LaneTable,
    clientId: (client: ClientConnection) => string,
    clients: () => Iterable<ClientConnection>,
  ) {
    this.#lanes = lanes;
    this.#clientId = clientId;
    this.#clients = clients;
  }

  /** Number of replays that are not complete. */
  get size(): number {
    return this.#pending.size;
  }

  /** Requests what a client has missed after these positions, by source. */
  request(
    client: ClientConnection,
    positions: ReadonlyMap<number, number>,
    lanes: Iterable<CallerLane>,
  ): void {
    const { resumable, uid, connection, nonceHigh, nonceLow } = client;
    if (resumable === undefined) return;
    const { ageMs, uidAgeMs, groups } = resumable.ages;
    const list = Array.from(positions, ([source, offset]) => ({ source, offset }));
    for (const lane of lanes) {
      this.#lastId = (this.#lastId + 1) % 0x1_0000_0000;
      this.#pending.set(this.#lastId, { client, lane, positions });
      lane.connection.send({
        type: 'replayRequest',
        requestId: this.#lastId,
        clientId: this.#clientId(client),
        ...{ connection, nonceHigh, nonceLow },
        ageMs,
        uid,
        uidAgeMs,
        groups,
        positions: list,
      });
    }
  }

  /** Handles Replay: sends a missed message. */
  handleReplay(reader: ByteReader, lane: CallerLane): void {
    const client = this.#find(reader.readU32(), lane);
    const source = reader.readU32();
    const number = readPosition(reader);
    const flags = readFlags(reader);
    const origin = { source, offset: readOffset(reader, flags) };
    const isBinary = (flags & PayloadFlag.Binary) !== 0;
    const isFailed = (flags & PayloadFlag.Failed) !== 0;
    const header =
      number === 0
        ? messageHeader(origin, isBinary)
        : replyHeader(origin, number, { isBinary, isFailed });
    if (this.#lanes.holderOf(source) !== lane) return;
    client?.resumable?.sendPrefixed(header, reader.buffer, reader.offset, reader.end);
  }

  /** Handles ReplayWithReceipt: sends a missed message whose sender expects a receipt. */
  handleReplayWithReceipt(reader: ByteReader, lane: CallerLane, receipts: Receipts): void {
    const client = this.#find(reader.readU32(), lane);
    const source = reader.readU32();
    const request = readReceiptRequest(reader);
    const flags = readFlags(reader);
    const origin = { source, offset: readOffset(reader, flags) };
    const isBinary = (flags & PayloadFlag.Binary) !== 0;
    if (this.#lanes.holderOf(source) !== lane) return;
    const number = receipts.handleReplay(client, request, lane);
    const header = messageHeader(origin, isBinary, number);
    client?.resumable?.sendPrefixed(header, reader.buffer, reader.offset, reader.end);
  }

  /** Handles ReplayDone. */
  handleDone({ requestId, positions, gaps }: Message<'replayDone'>, lane: CallerLane): void {
    const client = this.#find(requestId, lane);
    this.#pending.delete(requestId);
    const isHeld = ({ source }: SourcePosition): boolean => this.#lanes.holderOf(source) === lane;
    client?.resumable?.completeReplay(lane, gaps.filter(isHeld));
    // Pings have the positions of living sources only.
    for (const position of positions) {
      const { source, offset } = position;
      if (source !== lane.source && isHeld(position)) client?.resumable?.sendMark(source, offset);
    }
  }

  /** Reports to every client that messages of a source may not have reached this gateway. */
  reportGap({ source, offset }: SourcePosition, lane: CallerLane): void {
    for (const { resumable } of this.#clients()) {
      // A replay contains what the link has refused.
      if (resumable?.isAwaiting(lane) === false) resumable.sendGap(source, offset, 'not-sent');
    }
  }

  /**
   * Handles the end of a process. Its incomplete replays are requested from the processes that have its lanes now, or end
   * with a gap. Connected clients learn that they have received everything.
   */
  handleEnd(lane: CallerLane, ends: readonly SourceEnd[]): void {
    for (const [requestId, pending] of this.#pending) {
      if (pending.lane !== lane) continue;
      this.#pending.delete(requestId);
      this.#replace(pending, ends);
    }
    for (const { resumable } of this.#clients()) {
      if (resumable === undefined) continue;
      for (const { source, top, holder } of ends) {
        // A client that waits for the replay must not skip its messages.
        if (holder !== undefined && resumable.isAwaiting(holder)) continue;
        if (holder === undefined) resumable.sendSourceEnded(source);
        else if (source === lane.source) resumable.sendMark(source, top);
      }
    }
  }

  /** Requests a replay from the processes that have the lanes of an ended one now. */
  #replace({ client, lane, positions }: PendingReplay, ends: readonly SourceEnd[]): void {
    const { resumable } = client;
    if (resumable?.isAwaiting(lane) !== true) return;
    const holders = new Set<CallerLane>();
    for (const { holder } of ends) if (holder !== undefined) holders.add(holder);
    // An earlier request may have been answered before the process had the lane, so its answer does not count.
    for (const [requestId, pending] of this.#pending) {
      if (pending.client === client && holders.has(pending.lane)) this.#pending.delete(requestId);
    }
    resumable.replaceReplay(lane, holders);
    for (const { source, holder } of ends) {
      if (holder === undefined) resumable.sendGap(source, 0, 'source-ended');
    }
    this.request(client, positions, holders);
  }

  /** The client of a replay, if it still waits for it. */
  #find(requestId: number, lane: CallerLane): ClientConnection | undefined {
    const pending = this.#pending.get(requestId);
    if (pending?.lane !== lane) return undefined;
    const { client } = pending;
    return client.resumable?.isAwaiting(lane) === true ? client : undefined;
  }
}
