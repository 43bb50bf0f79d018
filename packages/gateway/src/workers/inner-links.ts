import { type FrameConnection, GatewayWorkerError, toWire } from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  DialerRole,
  type Message,
  readClientsEnded,
  readEventsAck,
  readLanePosition,
  readLaneTransferState,
  readMessage,
  readWorkerReady,
} from '@gatewayworker/protocol';
import { assertDecision } from '../clients/handshake-decision.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import type { Caller } from '../commands/caller.ts';
import { ChunkedReplies } from '../commands/chunked-replies.ts';
import { commandHandlers } from '../commands/command-handlers.ts';
import { answerQuery } from '../commands/query.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { LaneTable } from '../resume/lane-table.ts';
import { LaneTransfers } from '../resume/lane-transfers.ts';
import type { Receipts } from '../resume/receipts.ts';
import type { Replays } from '../resume/replays.ts';
import type { SessionMoves } from '../resume/session-moves.ts';
import { InterestLink, type InterestPublisher } from '../subscriptions/interest-publisher.ts';
import type { EventDispatcher } from './event-dispatcher.ts';
import { WorkerLink } from './worker-link.ts';
import type { WorkerLivenessTable } from './worker-liveness-table.ts';

/** The parts of one link. */
export interface InnerLinkParts extends Caller {
  readonly interest: InterestLink;
  readonly replies: ChunkedReplies;
}

/**
 * The links of workers and of clients of the Gateway API. Executes the frames of each link in order, so that a query
 * sees the effect of earlier commands of the same peer.
 */
export class InnerLinks {
  readonly #state: GatewayState;
  readonly #dispatcher: EventDispatcher;
  readonly #liveness: WorkerLivenessTable;
  readonly #interest: InterestPublisher;
  readonly #lanes: LaneTable;
  readonly #replays: Replays;
  readonly #receipts: Receipts;
  readonly #moves: SessionMoves;
  readonly #transfers: LaneTransfers;
  readonly #workers = new Set<WorkerLink>();
  readonly #links = new Map<FrameConnection, InnerLinkParts>();
  readonly #reader = new ByteReader();
  #queryCount = 0;

  constructor(
    state: GatewayState,
    {
      dispatcher,
      liveness,
      interest,
      lanes,
      replays,
      receipts,
      moves,
    }: {
      readonly dispatcher: EventDispatcher;
      readonly liveness: WorkerLivenessTable;
      readonly interest: InterestPublisher;
      readonly lanes: LaneTable;
      readonly replays: Replays;
      readonly receipts: Receipts;
      readonly moves: SessionMoves;
    },
  ) {
    this.#state = state;
    this.#dispatcher = dispatcher;
    this.#liveness = liveness;
    this.#interest = interest;
    this.#lanes = lanes;
    this.#replays = replays;
    this.#receipts = receipts;
    this.#moves = moves;
    this.#transfers = new LaneTransfers(lanes, () => this.#links.values());
  }

  /** Number of queries since the start. */
  get queryCount(): number {
    return this.#queryCount;
  }

  /** Expires the suspended links of workers that the registers report as dead. */
  expireDeadWorkers(): void {
    for (const { instanceId, connection } of this.#workers) {
      if (connection.isSuspended && this.#liveness.isDead(instanceId)) connection.expire();
    }
  }

  /** Adds an authenticated link. */
  add(connection: FrameConnection, hello: Message<'hello'>): void {
    const worker = hello.role === DialerRole.Worker ? new WorkerLink(connection, hello) : undefined;
    const peer = `${hello.name}#${hello.id}`;
    if (worker !== undefined) this.#addWorker(worker);
    const replies = new ChunkedReplies(connection);
    const interest = new InterestLink(connection);
    const parts = { worker, interest, replies, lane: this.#lanes.add(connection) };
    this.#links.set(connection, parts);
    this.#moves.announceTo(parts.lane);
    connection.output.onDrain = () => {
      worker?.resumeForRoom();
      replies.resume();
      this.#transfers.resume(parts.lane);
      this.#interest.resume(interest);
    };
    connection.onFrame = (command, buffer, start, end) => {
      this.#reader.reset(buffer, start, end);
      if (command === Command.Query) this.#answerQuery(connection, replies);
      else if (command === Command.InterestSubscribe) this.#interest.subscribe(interest);
      else this.#handleFrame(command, parts);
      if (command === Command.JoinGroup || command === Command.BindUid) {
        this.#interest.countJoin(interest);
      }
    };
    connection.onClose = (reason) => {
      this.#links.delete(connection);
      replies.close();
      this.#interest.unsubscribe(interest);
      this.#receipts.forget(parts.lane);
      this.#replays.handleEnd(parts.lane, this.#lanes.remove(parts.lane, reason === undefined));
      this.#transfers.remove(parts.lane);
      const bound = { peer, address: connection.remoteAddress, reason: reason?.message };
      if (reason !== undefined) {
        // The master reports a peer that died; a peer that breaks the protocol is a bug.
        const level = String(Reflect.get(reason, 'code')).startsWith('GW_ERR_') ? 'warn' : 'debug';
        this.#state.logger[level](bound, 'inner link ended');
      }
      if (worker === undefined) return;
      this.#workers.delete(worker);
      this.#moves.removeWorker(worker);
      worker.handshakes.rejectAll(new GatewayWorkerError('GW_ERR_LINK_CLOSED'));
      this.#dispatcher.removeWorker(worker);
    };
  }

  /** The parts of every open or suspended link. */
  get all(): Iterable<InnerLinkParts> {
    return this.#links.values();
  }

  /** The parts of a link; `undefined` when it has ended. */
  partsOf(connection: FrameConnection): InnerLinkParts | undefined {
    return this.#links.get(connection);
  }

  /** Writes all pending updates and replies; called before a handover. */
  flushAll(): void {
    this.#receipts.handOver();
    this.#interest.flush();
    for (const { replies } of this.#links.values()) replies.sendAll();
  }

  /** Restores a subscription of the predecessor. All clients must be imported before. */
  restoreInterest(link: InterestLink, areSynced: readonly [uids: boolean, groups: boolean]): void {
    this.#interest.restore(link, areSynced);
  }

  /** Closes the sockets of all links without GoAway, because the successor has taken the links over. */
  dropAll(): void {
    for (const [connection, { interest }] of this.#links) {
      this.#interest.unsubscribe(interest);
      connection.onClose = () => undefined;
      connection.destroy();
    }
    this.#links.clear();
  }

  #addWorker(worker: WorkerLink): void {
    const { connection, instanceId, name, id } = worker;
    for (const other of this.#workers) {
      // A second link of a worker process replaces its first one.
      if (other.instanceId === instanceId) {
        other.connection.destroy(new Error('the worker has dialed a new link'));
      }
    }
    this.#workers.add(worker);
    this.#moves.addWorker(worker);
    connection.onSuspended = (reason) => {
      const bound = { peer: `${name}#${id}`, reason: reason.message };
      this.#state.logger.debug(bound, 'inner link suspended');
      this.#dispatcher.suspendWorker(worker);
      this.expireDeadWorkers();
    };
    connection.onResumed = () => this.#dispatcher.resumeWorker(worker);
  }

  #handleFrame(command: number, caller: Caller): void {
    const reader = this.#reader;
    const { worker, lane } = caller;
    const handle = commandHandlers.get(command);
    if (handle !== undefined) {
      handle(this.#state, reader, caller);
    } else if (command === Command.SendWithReceipt) {
      this.#receipts.handleSend(reader, lane);
    } else if (command === Command.ReplayWithReceipt) {
      this.#replays.handleReplayWithReceipt(reader, lane, this.#receipts);
    } else if (command === Command.Replay) {
      this.#replays.handleReplay(reader, lane);
    } else if (command === Command.ReplayDone) {
      const message = readMessage(command, reader.buffer, reader.offset, reader.end);
      if (message?.type === 'replayDone') this.#replays.handleDone(message, lane);
    } else if (command === Command.LaneStarted) {
      const { source, offset } = readLanePosition(reader);
      this.#lanes.start(lane, source, offset);
    } else if (command === Command.LaneTransfer) {
      this.#transfers.handleFrame(lane, reader);
    } else if (command === Command.LaneAdopted) {
      this.#transfers.handleAdopted(lane, readLanePosition(reader));
    } else if (command === Command.LaneTransferState) {
      this.#transfers.handleState(lane, readLaneTransferState(reader).source);
    } else if (command === Command.LaneGap) {
      this.#replays.reportGap(readLanePosition(reader), lane);
    } else if (command === Command.EventsAck && worker !== undefined) {
      readEventsAck(reader, (id, count, byteLength) => {
        const client = this.#state.clients.get(id) ?? worker.closedClients.get(id);
        this.#dispatcher.handleAck(worker, client, { count, byteLength });
      });
    } else if (command === Command.ClientsEnded && worker !== undefined) {
      readClientsEnded(reader, (id) => this.#endClient(id));
    } else if (command === Command.WorkerReady && worker !== undefined) {
      const { decidesHandshakes, decidesResumes, redelivers } = readWorkerReady(reader);
      worker.decidesHandshakes = decidesHandshakes;
      worker.decidesResumes = decidesResumes;
      worker.redelivers = redelivers;
      this.#dispatcher.addWorker(worker);
    } else if (command === Command.WorkerDraining && worker !== undefined) {
      this.#dispatcher.drainWorker(worker);
    } else if (command >= Command.SessionClaim && command <= Command.SessionPark) {
      const message = readMessage(command, reader.buffer, reader.offset, reader.end);
      if (message !== undefined && worker !== undefined) this.#handleSession(message, worker);
    } else if (command === Command.HandshakeResponse && worker !== undefined) {
      const message = readMessage(command, reader.buffer, reader.offset, reader.end);
      if (message?.type === 'handshakeResponse') {
        assertDecision(message);
        worker.handshakes.resolve(message.requestId, message);
      }
    }
    // Ignore unknown numbers: the peer may run a newer version.
  }

  #handleSession(message: Message, worker: WorkerLink): void {
    if (message.type === 'sessionFound') this.#moves.handleFound(message, worker);
    else if (message.type === 'sessionRelease') this.#moves.handleRelease(message, worker);
    else if (message.type === 'sessionPark') this.#moves.handlePark(message, worker);
  }

  /** Closes a client for which the worker has called `onClose`, because it considered this gateway lost. */
  #endClient(connection: number): void {
    const client = this.#state.clients.get(connection);
    if (client === undefined) return;
    this.#dispatcher.suppressEvents(client);
    this.#state.sender.close(client, ServerClosure.Reconnect);
  }

  #answerQuery(connection: FrameConnection, replies: ChunkedReplies): void {
    const { buffer, offset, end } = this.#reader;
    const message = readMessage(Command.Query, buffer, offset, end);
    if (message?.type !== 'query') return;
    const { requestId } = message;
    this.#queryCount += 1;
    try {
      replies.send(requestId, answerQuery(this.#state, message.query));
    } catch (error) {
      const { code, message: text } = toWire(error);
      connection.send({ type: 'queryFailure', requestId, code, message: text });
    }
  }
}
