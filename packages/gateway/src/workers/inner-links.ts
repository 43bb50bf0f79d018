import { type FrameConnection, GatewayWorkerError, toWire } from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  DialerRole,
  type Hello,
  readClientsEnded,
  readEventsAck,
  readMessage,
  readWorkerReady,
} from '@gatewayworker/protocol';
import { assertDecision } from '../clients/handshake-decision.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import { ChunkedReplies } from '../commands/chunked-replies.ts';
import { commandHandlers } from '../commands/command-handlers.ts';
import { answerQuery } from '../commands/query.ts';
import type { GatewayState } from '../gateway-state.ts';
import { InterestLink, type InterestPublisher } from '../subscriptions/interest-publisher.ts';
import type { EventDispatcher } from './event-dispatcher.ts';
import { WorkerLink } from './worker-link.ts';
import type { WorkerLivenessTable } from './worker-liveness-table.ts';

/** What belongs to one link. */
export interface InnerLinkParts {
  readonly worker: WorkerLink | undefined;
  readonly interest: InterestLink;
  readonly answers: ChunkedReplies;
}

/**
 * The links of workers and of clients of the Gateway API: carries out what comes by them.
 *
 * Frames of one link are carried out in the order in which they came, so that a query sees the
 * asker's own earlier commands.
 */
export class InnerLinks {
  readonly #state: GatewayState;
  readonly #dispatcher: EventDispatcher;
  readonly #liveness: WorkerLivenessTable;
  readonly #interest: InterestPublisher;
  readonly #workers = new Set<WorkerLink>();
  readonly #links = new Map<FrameConnection, InnerLinkParts>();
  readonly #reader = new ByteReader();
  #answeredQueries = 0;

  constructor(
    state: GatewayState,
    {
      dispatcher,
      liveness,
      interest,
    }: { dispatcher: EventDispatcher; liveness: WorkerLivenessTable; interest: InterestPublisher },
  ) {
    this.#state = state;
    this.#dispatcher = dispatcher;
    this.#liveness = liveness;
    this.#interest = interest;
  }

  /** Queries answered since the start. */
  get answeredQueries(): number {
    return this.#answeredQueries;
  }

  /** Waits no longer for workers that have died, as the liveness tells now. */
  expireDeadWorkers(): void {
    for (const { instanceId, connection } of this.#workers) {
      if (connection.isSuspended && this.#liveness.isGone(instanceId)) connection.expire();
    }
  }

  /** Takes a link that is up. */
  add(connection: FrameConnection, hello: Hello): void {
    const worker = hello.role === DialerRole.Worker ? new WorkerLink(connection, hello) : undefined;
    const peer = `${hello.name}#${hello.id}`;
    if (worker !== undefined) this.#addWorker(worker);
    const answers = new ChunkedReplies(connection);
    const interest = new InterestLink(connection);
    this.#links.set(connection, { worker, interest, answers });
    connection.output.onDrain = () => {
      worker?.resumeForRoom();
      answers.resume();
      this.#interest.resume(interest);
    };
    connection.onFrame = (command, buffer, start, end) => {
      this.#reader.reset(buffer, start, end);
      if (command === Command.Query) this.#answer(connection, answers);
      else if (command === Command.InterestSubscribe) this.#interest.subscribe(interest);
      else this.#handleFrame(command, worker);
      if (command === Command.JoinGroup || command === Command.BindUid) {
        this.#interest.countJoin(interest);
      }
    };
    connection.onClose = (reason) => {
      this.#links.delete(connection);
      answers.close();
      this.#interest.unsubscribe(interest);
      const bound = { peer, address: connection.remoteAddress, reason: reason?.message };
      if (reason !== undefined) {
        // A peer that died is reported by its master; one that breaks the protocol is a fault to look into.
        const level = String(Reflect.get(reason, 'code')).startsWith('GW_ERR_') ? 'warn' : 'debug';
        this.#state.logger[level](bound, 'inner link ended');
      }
      if (worker === undefined) return;
      this.#workers.delete(worker);
      worker.handshakes.rejectAll(new GatewayWorkerError('GW_ERR_LINK_CLOSED'));
      this.#dispatcher.removeWorker(worker);
    };
  }

  /** What belongs to every link that has not ended. */
  get all(): Iterable<InnerLinkParts> {
    return this.#links.values();
  }

  /** What belongs to a link that has not ended. */
  partsOf(connection: FrameConnection): InnerLinkParts | undefined {
    return this.#links.get(connection);
  }

  /** Queues all that is under way for the peers: another process is to go on with the links. */
  finish(): void {
    this.#interest.flush();
    for (const { answers } of this.#links.values()) answers.sendAll();
  }

  /** A follower of another process, whose clients are all here by now. */
  restoreInterest(link: InterestLink, areSynced: readonly [uids: boolean, groups: boolean]): void {
    this.#interest.restore(link, areSynced);
  }

  /** Drops every link without a word: another process has gone on with them. */
  abandon(): void {
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
      // It dials anew: for it the link before is over.
      if (other.instanceId === instanceId) other.connection.destroy(new Error('dialed anew'));
    }
    this.#workers.add(worker);
    connection.onSuspended = (reason) => {
      const bound = { peer: `${name}#${id}`, reason: reason.message };
      this.#state.logger.debug(bound, 'inner link broken, waiting for the worker');
      this.#dispatcher.suspendWorker(worker);
      this.expireDeadWorkers();
    };
    connection.onResumed = () => this.#dispatcher.resumeWorker(worker);
  }

  #handleFrame(command: number, worker: WorkerLink | undefined): void {
    const reader = this.#reader;
    const handle = commandHandlers.get(command);
    if (handle !== undefined) {
      handle(this.#state, reader, worker);
    } else if (command === Command.EventsAck && worker !== undefined) {
      readEventsAck(reader, (id, count, byteLength) => {
        const client = this.#state.clients.get(id) ?? worker.closedClients.get(id);
        this.#dispatcher.handleAck(worker, client, { count, byteLength });
      });
    } else if (command === Command.ClientsEnded && worker !== undefined) {
      readClientsEnded(reader, (id) => this.#endClient(id));
    } else if (command === Command.WorkerReady && worker !== undefined) {
      const { decidesHandshakes, redelivers } = readWorkerReady(reader);
      worker.decidesHandshakes = decidesHandshakes;
      worker.redelivers = redelivers;
      this.#dispatcher.addWorker(worker);
    } else if (command === Command.WorkerDraining && worker !== undefined) {
      this.#dispatcher.drainWorker(worker);
    } else if (command === Command.HandshakeResponse && worker !== undefined) {
      const message = readMessage(command, reader.buffer, reader.offset, reader.end);
      if (message?.type === 'handshakeResponse') {
        assertDecision(message);
        worker.handshakes.resolve(message.requestId, message);
      }
    }
    // Other numbers are those of a newer version, which this one ignores.
  }

  /** The worker took this process for gone, and has told the application so: its clients come anew. */
  #endClient(connection: number): void {
    const client = this.#state.clients.get(connection);
    if (client === undefined) return;
    this.#dispatcher.suppressEvents(client);
    this.#state.sender.close(client, ServerClosure.Reconnect);
  }

  #answer(connection: FrameConnection, answers: ChunkedReplies): void {
    const { buffer, offset, end } = this.#reader;
    const message = readMessage(Command.Query, buffer, offset, end);
    if (message?.type !== 'query') return;
    const { requestId } = message;
    this.#answeredQueries += 1;
    try {
      answers.send(requestId, answerQuery(this.#state, message.query));
    } catch (error) {
      const { code, message: text } = toWire(error);
      connection.send({ type: 'queryFailure', requestId, code, message: text });
    }
  }
}
