import type { Guard, Logger } from '@gatewayworker/core';
import type { GatewayClient, GatewayLink } from '@gatewayworker/gateway-client';
import {
  ByteReader,
  ClosedBy,
  Command,
  type HandshakeDecision,
  type Message,
  PendingAcks,
  parseClientId,
  readMessage,
  writeClientsEnded,
  writeWorkerReady,
} from '@gatewayworker/protocol';
import { ClientContext, type ClientEvent } from './client-context.ts';
import { decideHandshake } from './decide-handshake.ts';
import type { HandshakeCandidate } from './event-handler.ts';
import { isEventFrame, readConnection, readEvent, readEventConnection } from './read-event.ts';
import { SessionKeeper } from './session-keeper.ts';

/** Number of lost clients whose `onClose` starts in one turn of the event loop. */
const LOST_CLIENTS_PER_TURN = 64;

/** Maximum number of client ids in the log line about unacknowledged events. */
const MAX_LOGGED_CLIENT_IDS = 10;

/** Maximum number of gateways whose clients are recorded after they were reported as lost. */
const MAX_REPORTED_GATEWAYS = 8;

/** The clients of one gateway link. */
interface LinkClients {
  readonly contexts: Map<number, ClientContext>;
  readonly acks: PendingAcks;
  /** True once the gateway has sent WorkerDrained: it has no event of this worker in flight. */
  isDrained: boolean;
}

/** Events that a worker has not acknowledged. */
export interface UnacknowledgedEvents {
  /** Number of events whose callbacks run or have not started. */
  readonly events: number;
  /** Number of clients that have such events. */
  readonly clients: number;
  /** Ids of the first of these clients. */
  readonly clientIds: readonly string[];
}

/** A gateway whose link has ended. Its clients are closed once discovery does not report it as alive. */
interface LostGateway {
  readonly link: GatewayLink;
  readonly contexts: readonly ClientContext[];
}

/** Options of the table. */
export interface AttachedClientsOptions {
  readonly gateway: GatewayClient;
  readonly guard: Guard;
  readonly logger: Logger;
  /** Called with each event. Must not throw. */
  readonly onEvent: (context: ClientContext, event: ClientEvent) => void;
  /** Called when the changes of a session can be sent to the gateway again. */
  readonly onSettled: (context: ClientContext) => void;
  /** Returns whether discovery reports a gateway as alive whose link has ended. */
  readonly isAlive: (link: GatewayLink) => boolean;
  /** See the `redeliver` option. */
  readonly redelivers: boolean;
  /** True when the application has `onResume`. */
  readonly decidesResumes: boolean;
  /** Decides which clients are admitted; `undefined` leaves the decision to the gateways. */
  readonly decide: ((candidate: HandshakeCandidate) => Promise<HandshakeDecision>) | undefined;
}

/**
 * The clients that gateways have attached to this worker. It converts frames to events, acknowledges them to the
 * gateways, and closes the clients of a lost gateway, so that each client gets an `onClose`.
 */
export class AttachedClients {
  readonly #options: AttachedClientsOptions;
  /** The sessions of clients that can resume. */
  readonly sessions: SessionKeeper;
  readonly #links = new Map<GatewayLink, LinkClients>();
  readonly #reader = new ByteReader();
  #lost: readonly LostGateway[] = [];
  /** Connections of the clients that were closed because their gateway was lost, by the random id of the gateway. */
  readonly #reportedAsLost = new Map<string, readonly number[]>();
  /** Number of lost gateways of which not all clients are closed yet. */
  #pendingReports = 0;
  #isReady = false;
  #isDraining = false;

  constructor(options: AttachedClientsOptions) {
    this.#options = options;
    this.sessions = new SessionKeeper({
      guard: options.guard,
      logger: options.logger,
      links: () => this.#links.keys(),
      onEnded: (context, closed) => {
        options.onEvent(context, { kind: 'closed', closed, isRedelivered: false });
      },
      onTaken: ({ link, connection }) => {
        this.#links.get(link)?.contexts.delete(connection);
      },
      onSettled: options.onSettled,
    });
  }

  /** Number of clients. */
  get size(): number {
    let size = 0;
    for (const { contexts } of this.#links.values()) size += contexts.size;
    return size;
  }

  /** Number of clients of gateways that are alive although their links have ended. */
  get lostClients(): number {
    return this.#lost.reduce((sum, { contexts }) => sum + contexts.length, 0);
  }

  /** Returns the client with this id, if it is attached to this worker. */
  find(clientId: string): ClientContext | undefined {
    const session = this.sessions.find(clientId);
    if (session !== undefined) return session;
    const address = parseClientId(clientId);
    if (address === undefined) return undefined;
    for (const [link, { contexts }] of this.#links) {
      if (link.gatewayToken !== address.gatewayToken) continue;
      const context = contexts.get(address.connection);
      return context?.clientId === clientId ? context : undefined;
    }
    return undefined;
  }

  /** Sends WorkerReady to every gateway, also to those linked later: they may attach clients. */
  setReady(): void {
    this.#isReady = true;
    for (const link of this.#links.keys()) this.#sendState(link);
  }

  /** Sends WorkerDraining to every gateway, also to those linked later: this worker takes no new events. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const link of this.#links.keys()) this.#sendState(link);
  }

  /** True when all linked gateways have sent WorkerDrained after `drain`. */
  get isDrained(): boolean {
    return [...this.#links.values()].every(({ isDrained }) => isDrained);
  }

  /** True while clients of a gateway with an ended link are not closed yet. */
  get hasLostClients(): boolean {
    return this.#lost.length > 0 || this.#pendingReports > 0;
  }

  /** The unacknowledged events of the attached clients. */
  get unacknowledged(): UnacknowledgedEvents {
    let events = 0;
    let clients = 0;
    const clientIds: string[] = [];
    for (const { contexts } of this.#links.values()) {
      for (const { clientId, isBusy, waiting } of contexts.values()) {
        if (!isBusy) continue;
        events += 1 + (waiting?.length ?? 0);
        clients += 1;
        if (clientIds.length < MAX_LOGGED_CLIENT_IDS) clientIds.push(clientId);
      }
    }
    return { events, clients, clientIds };
  }

  /** Adds a gateway that is linked. */
  addLink(link: GatewayLink): void {
    const acks = new PendingAcks();
    this.#links.set(link, { contexts: new Map(), acks, isDrained: false });
    const { connection } = link;
    // One EventsAck frame per turn acknowledges all events of the turn.
    connection.beforeFlush = () => {
      if (!acks.isEmpty) acks.write(connection.writer());
    };
    this.#sendClientsEnded(link);
    this.#sendState(link);
    for (const lost of this.#lost) {
      // The same process is linked again. It has bound its clients to the workers that it could reach.
      if (lost.link.instanceId === link.instanceId) {
        this.#removeLost(lost);
        this.sessions.forget(lost.contexts.filter((context) => context.link === lost.link));
      }
      // Another process listens at the address, so the previous one has ended.
      else if (lost.link.address === link.address) this.#closeClients(lost);
    }
  }

  /**
   * Removes a gateway whose link was not resumed in time. Its clients are closed, unless discovery reports the gateway
   * as alive: then the gateway binds them to the workers that it can reach.
   *
   * @param isPeerBack - true when the gateway has just answered: it had ended the link to this worker
   */
  removeLink(link: GatewayLink, isPeerBack = false): void {
    const clients = this.#links.get(link);
    this.#links.delete(link);
    if (clients === undefined || clients.contexts.size === 0) return;
    if (isPeerBack) {
      this.sessions.forget(clients.contexts.values());
      return;
    }
    this.#lost = [...this.#lost, { link, contexts: [...clients.contexts.values()] }];
    this.closeLostClients();
  }

  /** Closes the clients of gateways that discovery does not report as alive any more. */
  closeLostClients(): void {
    for (const lost of this.#lost) if (!this.#options.isAlive(lost.link)) this.#closeClients(lost);
  }

  /** Handles a frame of a gateway; the body is `buffer[start, end)`. */
  handleFrame(
    link: GatewayLink,
    command: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    const clients = this.#links.get(link);
    if (clients === undefined) return;
    if (isEventFrame(command)) {
      const context = clients.contexts.get(readEventConnection(buffer, start, end));
      if (context === undefined) return;
      const event = readEvent(command, buffer, start, end);
      context.moveable?.record(event);
      this.#options.onEvent(context, event);
    } else if (command === Command.GroupJoined || command === Command.GroupLeft) {
      const reader = this.#reader.reset(buffer, start, end);
      const moveable = clients.contexts.get(reader.readU32())?.moveable;
      const group = reader.readRestName();
      if (command === Command.GroupJoined) moveable?.join(group);
      else moveable?.leave(group);
    } else if (command === Command.ClientDetached) {
      const connection = readConnection(buffer, start, end);
      const context = clients.contexts.get(connection);
      clients.contexts.delete(connection);
      // After a move the client is at another gateway, and stays with this worker.
      if (context?.link === link && context.connection === connection)
        this.sessions.remove(context);
    } else if (command === Command.WorkerDrained) {
      clients.isDrained = this.#isDraining;
    } else {
      const message = readMessage(command, buffer, start, end);
      if (message !== undefined) this.#handleMessage(link, clients, message);
    }
  }

  /** Acknowledges an event. */
  acknowledge(context: ClientContext, event: ClientEvent): void {
    const { link, connection } = context.takeAckTarget();
    if (event.kind === 'closed') this.sessions.remove(context);
    const clients = this.#links.get(link);
    if (clients === undefined) return;
    if (event.kind === 'closed') clients.contexts.delete(connection);
    clients.acks.add(connection, 'byteLength' in event ? event.byteLength : 0);
    link.connection.output.schedule();
  }

  /** Removes every client. */
  close(): void {
    this.#lost = [];
    this.sessions.close();
    // The links close after this. Their clients stay connected to the gateways, so they must not get an `onClose` here.
    this.#links.clear();
  }

  #handleMessage(link: GatewayLink, { contexts }: LinkClients, message: Message): void {
    if (message.type === 'clientAttached') {
      this.#attach(link, contexts, message);
    } else if (message.type === 'sessionClaim') {
      this.sessions.handleClaim(link, message);
    } else if (message.type === 'sessionReleased') {
      this.sessions.handleReleased(message, contexts.get(message.connection));
    } else if (message.type === 'sessionSecret') {
      const { secret, previousSecret } = message;
      contexts.get(message.connection)?.moveable?.setSecret(secret, previousSecret);
    } else if (message.type === 'sessionChanged') {
      const context = contexts.get(message.connection);
      context?.sessionCopy.applyRemoteChange(message.delta, message.appliedChanges);
    } else if (message.type === 'uidChanged') {
      const context = contexts.get(message.connection);
      context?.moveable?.setUid();
      context?.applyUidChange(message.uid, message.appliedChanges);
    } else if (message.type === 'clientClosed') {
      const context = contexts.get(message.connection);
      const { by, code, reason, isRedelivered } = message;
      const closed = {
        by,
        ...(code === undefined ? {} : { code }),
        ...(reason === undefined ? {} : { reason }),
      };
      if (context === undefined) return;
      this.#options.onEvent(context, { kind: 'closed', closed, isRedelivered });
    } else if (message.type === 'handshakeRequest') {
      decideHandshake(link, message, this.#options.decide, this.#options.guard);
    }
  }

  #attach(
    link: GatewayLink,
    contexts: Map<number, ClientContext>,
    message: Message<'clientAttached'>,
  ): void {
    const moved = this.sessions.attach(link, message);
    if (moved === 'outdated') return;
    const context = moved ?? new ClientContext(link, message, this.#options.gateway);
    if (moved === undefined) this.sessions.add(context);
    contexts.set(message.connection, context);
  }

  /** Sends WorkerDraining or WorkerReady; nothing before this worker is ready. */
  #sendState(link: GatewayLink): void {
    if (this.#isDraining) {
      link.connection.signal(Command.WorkerDraining);
      return;
    }
    if (!this.#isReady) return;
    const { decide, decidesResumes, redelivers } = this.#options;
    writeWorkerReady(link.connection.writer(), {
      decidesHandshakes: decide !== undefined,
      decidesResumes,
      redelivers,
    });
  }

  /** Makes a gateway close the clients for which this worker has already called `onClose`, because the worker considered the gateway lost. */
  #sendClientsEnded(link: GatewayLink): void {
    const connections = this.#reportedAsLost.get(link.instanceId);
    this.#reportedAsLost.delete(link.instanceId);
    if (connections === undefined) return;
    this.#options.logger.warn(
      { gateway: link.address, clients: connections.length },
      'lost gateway is alive: it closes the clients that had an onClose',
    );
    writeClientsEnded(link.connection.writer(), connections);
  }

  #recordReported({ link, contexts }: LostGateway): void {
    const connections = contexts.map(({ connection }) => connection);
    this.#reportedAsLost.set(link.instanceId, connections);
    if (this.#reportedAsLost.size <= MAX_REPORTED_GATEWAYS) return;
    const [oldest = ''] = this.#reportedAsLost.keys();
    this.#reportedAsLost.delete(oldest);
  }

  #removeLost(lost: LostGateway): void {
    this.#lost = this.#lost.filter((other) => other !== lost);
  }

  /** Closes the clients of a lost gateway, 64 per turn. */
  #closeClients(lost: LostGateway): void {
    this.#removeLost(lost);
    this.#recordReported(lost);
    const { link } = lost;
    const ownContexts = lost.contexts.filter((context) => context.link === link);
    const contexts = this.sessions.handleLost(ownContexts);
    this.#options.logger.warn({ gateway: link.address, clients: contexts.length }, 'gateway lost');
    const closeFrom = (first: number): void => {
      for (const context of contexts.slice(first, first + LOST_CLIENTS_PER_TURN)) {
        // A client that was closing already has its `closed` event.
        if (context.isEnding) continue;
        const closed = { by: ClosedBy.GatewayLost };
        this.#options.onEvent(context, { kind: 'closed', closed, isRedelivered: false });
      }
      const next = first + LOST_CLIENTS_PER_TURN;
      if (next < contexts.length) setImmediate(closeNext, next);
      else this.#pendingReports -= 1;
    };
    // After an exception it tries again, because the remaining clients must be closed.
    const closeNext = this.#options.guard.wrap(
      'clients of a lost gateway',
      closeFrom,
      (_error, first) => closeFrom(first),
    );
    this.#pendingReports += 1;
    closeFrom(0);
  }
}
