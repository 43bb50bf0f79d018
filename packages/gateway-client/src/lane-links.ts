import type { Guard } from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  LaneTransferState,
  type Message,
  readLaneTransferState,
  readMessage,
  writeLaneAdopted,
  writeLaneStarted,
  writeLaneTransferState,
  writeMessage,
} from '@gatewayworker/protocol';
import { AdoptedLanes } from './adopted-lanes.ts';
import type { AliasTable } from './alias-table.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { Lane } from './lane.ts';
import { LaneHandover } from './lane-handover.ts';
import type { ReplayOutput } from './lane-pass.ts';
import { ReceiptTable } from './receipt-table.ts';
import { ReplayPass } from './replay-pass.ts';

/** Time spent on replays in one turn of the event loop, in milliseconds. */
const TURN_BUDGET_MS = 8;

/** Waiting requests of one gateway. For further ones, the answer is that every message may be missing. */
const MAX_WAITING_REQUESTS = 100_000;

/** The ReplayRequests of one gateway. */
interface LinkReplays {
  /** Requests that arrived after the start of the pass. */
  waiting: Message<'replayRequest'>[];
  pass: ReplayPass | undefined;
}

/**
 * Serves the gateways that have clients whose sessions resume: starts the lane, answers ReplayRequests, reports sends
 * that a full link has refused, and moves lanes between processes.
 *
 * The requests of a gateway that arrive in one turn, or during a pass, share the next pass over the lane. So 10,000
 * clients that resume after a crash cost few passes. A link that is full continues when it has room.
 */
export class LaneLinks {
  readonly #lane: Lane;
  readonly #aliases: AliasTable;
  readonly #receipts: ReceiptTable;
  readonly #maxPendingBytes: number;
  readonly #adopted: AdoptedLanes;
  readonly #reader = new ByteReader();
  /** The links of gateways that have subscribed. */
  readonly #subscribed = new Set<GatewayLink>();
  readonly #replays = new Map<GatewayLink, LinkReplays>();
  #handover: LaneHandover | undefined;
  /** Links that continue in the next turn, in this order. */
  #ready = new Set<GatewayLink>();
  #isScheduled = false;
  readonly #continue: (link: GatewayLink, deadline: number) => void;

  /** @param maxPendingBytes - unread bytes of a link above which its replays wait */
  constructor(
    lane: Lane,
    aliases: AliasTable,
    maxPendingBytes: number,
    guard: Guard,
    receipts: ReceiptTable = new ReceiptTable(),
  ) {
    this.#lane = lane;
    this.#adopted = new AdoptedLanes(lane);
    this.#aliases = aliases;
    this.#receipts = receipts;
    this.#maxPendingBytes = maxPendingBytes;
    this.#continue = guard.wrap(
      'replay',
      (link: GatewayLink, deadline: number) => this.#continueLink(link, deadline),
      (error, link) => link.connection.fail(error),
    );
  }

  /** Handles a frame about the lane or an alias. */
  handleFrame(
    link: GatewayLink,
    command: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    if (command === Command.LaneTransfer) {
      this.#receiveLane(link, this.#reader.reset(buffer, start, end));
      return;
    }
    if (command === Command.LaneTransferState) {
      const { source, state } = readLaneTransferState(this.#reader.reset(buffer, start, end));
      this.#handover?.handleState(link, source, state);
      return;
    }
    const message = readMessage(command, buffer, start, end);
    switch (message?.type) {
      case 'laneSubscribe':
        this.#start(link, message.maxAgeMs, message.maxBytes);
        return;
      case 'replayRequest':
        this.#aliases.set(message.clientId, link, message);
        this.#addRequest(link, message);
        return;
      case 'aliasAdded':
        this.#aliases.set(message.clientId, link, message);
        return;
      case 'aliasRemoved':
        this.#aliases.remove(message.clientId, link, message.connection);
        return;
      default:
        return;
    }
  }

  /** Remembers a send that a full link has refused, until the link has room for a report. */
  recordRefused(link: GatewayLink, offset: number): void {
    link.refusedOffset = offset;
    this.#schedule(link);
  }

  /** Continues on a link that has room again. */
  handleDrain(link: GatewayLink): void {
    if (link.refusedOffset > 0 || this.#replays.has(link)) this.#schedule(link);
  }

  /** Forgets a link that has ended. */
  removeLink(link: GatewayLink): void {
    this.#aliases.removeLink(link);
    this.#replays.delete(link);
    this.#ready.delete(link);
    this.#subscribed.delete(link);
    this.#adopted.removeLink(link);
    this.#handover?.removeLink(link);
  }

  /** Hands the own lane and the adopted ones over to another process, because this one ends. */
  handOver(): LaneHandover {
    this.#handover ??= this.#startHandover();
    return this.#handover;
  }

  /** Forgets the lanes of other processes. */
  close(): void {
    this.#adopted.close();
  }

  #startHandover(): LaneHandover {
    this.#adopted.close();
    const lane = this.#lane;
    const links = [...this.#subscribed].filter(({ connection }) => connection.isOpen);
    for (const link of links) link.reportRefused(lane.source);
    // Processes that end at the same time choose the same gateway, which then lets none of them take a lane.
    const [link] = links
      .filter(({ connection }) => !connection.isSuspended)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    const adopted = this.#adopted.all.map((other) => {
      return { lane: other, endedAgeMs: this.#adopted.endedAgeMs(other.source) };
    });
    const onLaneEnd = (): void => {
      lane.isActive = false;
    };
    return new LaneHandover({
      lanes: [{ lane, endedAgeMs: 0 }, ...adopted],
      link,
      links,
      onLaneEnd,
    });
  }

  #receiveLane(link: GatewayLink, reader: ByteReader): void {
    const { source, result } = this.#adopted.receive(link, reader);
    if (result === 'incomplete' || !link.connection.isOpen) return;
    if (result === 'declined') {
      writeLaneTransferState(link.connection.writer(), source, LaneTransferState.Declined);
      return;
    }
    for (const one of this.#subscribed) this.#announce(one, source);
  }

  /** Tells a gateway that this process has the lane of an ended one. */
  #announce({ connection }: GatewayLink, source: number): void {
    const lane = this.#adopted.find(source);
    if (lane === undefined || !connection.isOpen) return;
    writeLaneAdopted(connection.writer(), { source, offset: lane.lastOffset });
  }

  #start(link: GatewayLink, maxAgeMs: number, maxBytes: number): void {
    this.#lane.activate(maxAgeMs, maxBytes);
    link.isNumbered = true;
    const { source, lastOffset } = this.#lane;
    const { connection } = link;
    if (connection.isOpen) writeLaneStarted(connection.writer(), { source, offset: lastOffset });
    this.#subscribed.add(link);
    for (const adopted of this.#adopted.all) this.#announce(link, adopted.source);
  }

  #addRequest(link: GatewayLink, request: Message<'replayRequest'>): void {
    const replays = this.#replays.get(link) ?? { waiting: [], pass: undefined };
    this.#replays.set(link, replays);
    if (replays.waiting.length < MAX_WAITING_REQUESTS) replays.waiting.push(request);
    else refuse([this.#lane, ...this.#adopted.all], link, request);
    this.#schedule(link);
  }

  #schedule(link: GatewayLink): void {
    this.#ready.add(link);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#runReady());
  }

  #runReady(): void {
    this.#isScheduled = false;
    const deadline = performance.now() + TURN_BUDGET_MS;
    const links = [...this.#ready];
    this.#ready.clear();
    let served = 0;
    for (const link of links) {
      if (performance.now() >= deadline) break;
      this.#continue(link, deadline);
      served += 1;
    }
    // Links without a share in this turn are the first of the next one.
    const continued = [...this.#ready];
    this.#ready.clear();
    for (const link of [...links.slice(served), ...continued]) this.#schedule(link);
  }

  #continueLink(link: GatewayLink, deadline: number): void {
    if (this.#serve(link, deadline)) return;
    const { connection } = link;
    // A blocked link calls `handleDrain` later.
    if (connection.isOpen && !connection.output.isBlocked) this.#schedule(link);
  }

  /** Returns whether nothing is left to do for the link. */
  #serve(link: GatewayLink, deadline: number): boolean {
    const output = this.#outputOf(link);
    if (output.isFull) return false;
    link.reportRefused(this.#lane.source);
    const replays = this.#replays.get(link);
    if (replays === undefined) return true;
    if (replays.pass === undefined) {
      replays.pass = new ReplayPass(this.#lane, replays.waiting, output, {
        adopted: this.#adopted.all,
      });
      replays.waiting = [];
    }
    if (!replays.pass.run(deadline)) return false;
    replays.pass = undefined;
    if (replays.waiting.length > 0) return false;
    this.#replays.delete(link);
    return true;
  }

  #outputOf({ connection }: GatewayLink): ReplayOutput {
    const maxPendingBytes = this.#maxPendingBytes;
    return {
      get isFull() {
        return !connection.isOpen || connection.output.pendingBytes >= maxPendingBytes;
      },
      writer: () => connection.writer(),
      // The receipts of an adopted lane have ended with their process.
      receiptOf: ({ source, offset }, clientId) =>
        source === this.#lane.source ? this.#receipts.replay(offset, clientId) : undefined,
    };
  }
}

/** Answers without a replay. */
function refuse(
  lanes: readonly Lane[],
  { connection }: GatewayLink,
  { requestId }: Message<'replayRequest'>,
): void {
  if (!connection.isOpen) return;
  const last = lanes.map(({ source, lastOffset: offset }) => ({ source, offset }));
  const done = { type: 'replayDone', requestId, positions: last, gaps: last } as const;
  writeMessage(connection.writer(), done);
}
