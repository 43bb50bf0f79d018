import type { Guard, Logger } from '@gatewayworker/core';
import type { GatewayClient, GatewayLink } from '@gatewayworker/gateway-client';
import {
  ClosedBy,
  Command,
  FrameError,
  type HandshakeDecision,
  type Message,
  PayloadFlag,
  PendingAcks,
  parseClientId,
  readMessage,
  writeClientsEnded,
  writeWorkerReady,
} from '@gatewayworker/protocol';
import { ClientContext, type ClientEvent } from './client-context.ts';
import type { HandshakeCandidate, HandshakeRequest } from './event-handler.ts';
import { failedDecision } from './handshake-answer.ts';
import { parseHandshakeRequest } from './handshake-request.ts';

/** Lost clients whose `onClose` starts in one turn of the event loop. */
const LOST_CLIENTS_PER_TURN = 64;

/** Clients that a report of unfinished events names. */
const NAMED_CLIENTS = 10;

/** Gateways taken for gone of which it is remembered which clients they had. */
const REMEMBERED_GATEWAYS = 8;

/** Bytes of an event before its payload: connection and flags. */
const EVENT_HEADER_BYTES = 5;

/** Bytes of the number of a connection, in frames of any kind. */
const CONNECTION_BYTES = 4;

/** The clients of one gateway link. */
interface LinkClients {
  readonly contexts: Map<number, ClientContext>;
  readonly handled: PendingAcks;
  /** True when the gateway has said that nothing of this worker is in flight there any more. */
  isDrained: boolean;
}

/** What a worker has not finished. */
export interface UnfinishedEvents {
  /** Events whose callbacks run or have not begun. */
  readonly events: number;
  /** Clients that they are of. */
  readonly clients: number;
  /** Ids of the first of these clients. */
  readonly clientIds: readonly string[];
}

/** A gateway whose link is down, though it lives. */
interface LostGateway {
  readonly link: GatewayLink;
  readonly contexts: readonly ClientContext[];
}

/** What the table needs. */
export interface AttachedClientsOptions {
  readonly gateway: GatewayClient;
  readonly guard: Guard;
  readonly logger: Logger;
  /** Never throws. */
  readonly onEvent: (context: ClientContext, event: ClientEvent) => void;
  /** Tells whether a gateway whose link is down is known to live. */
  readonly isAlive: (link: GatewayLink) => boolean;
  /** See the `redeliver` option. */
  readonly redelivers: boolean;
  /** Decides which clients are let in; `undefined` leaves that to the gateways. */
  readonly decide: ((candidate: HandshakeCandidate) => Promise<HandshakeDecision>) | undefined;
}

/**
 * The clients that gateways have attached to this worker: turns frames into events, tells gateways
 * which events are finished, and gives every client of a lost gateway its end.
 */
export class AttachedClients {
  readonly #options: AttachedClientsOptions;
  readonly #links = new Map<GatewayLink, LinkClients>();
  #lost: readonly LostGateway[] = [];
  /** Clients that had their end here because their gateway was taken for gone, by its random id. */
  readonly #ended = new Map<string, readonly number[]>();
  /** Gateways that are gone and whose clients do not all have their end. */
  #ending = 0;
  #isReady = false;
  #isDraining = false;

  constructor(options: AttachedClientsOptions) {
    this.#options = options;
  }

  /** Number of clients. */
  get size(): number {
    let size = 0;
    for (const { contexts } of this.#links.values()) size += contexts.size;
    return size;
  }

  /** Clients of gateways whose links are down, though they live. */
  get lostSize(): number {
    return this.#lost.reduce((sum, { contexts }) => sum + contexts.length, 0);
  }

  /** The client with this id, if it is attached to this worker. */
  find(clientId: string): ClientContext | undefined {
    const address = parseClientId(clientId);
    if (address === undefined) return undefined;
    for (const [link, { contexts }] of this.#links) {
      if (link.gatewayToken !== address.gatewayToken) continue;
      const context = contexts.get(address.connection);
      return context?.clientId === clientId ? context : undefined;
    }
    return undefined;
  }

  /** Tells every gateway, and those that come, that it may attach clients. */
  setReady(): void {
    this.#isReady = true;
    for (const link of this.#links.keys()) this.#greet(link);
  }

  /** Tells every gateway, and those that come, that this worker takes no new events. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const link of this.#links.keys()) this.#greet(link);
  }

  /** True when no linked gateway has anything of this worker in flight after `drain`. */
  get isDrained(): boolean {
    return [...this.#links.values()].every(({ isDrained }) => isDrained);
  }

  /** True while clients of a gateway that is gone, or may be, have yet to get their end here. */
  get hasLost(): boolean {
    return this.#lost.length > 0 || this.#ending > 0;
  }

  /** What is not finished of the clients that it has. */
  get unfinished(): UnfinishedEvents {
    let events = 0;
    let clients = 0;
    const clientIds: string[] = [];
    for (const { contexts } of this.#links.values()) {
      for (const { clientId, isBusy, waiting } of contexts.values()) {
        if (!isBusy) continue;
        events += 1 + (waiting?.length ?? 0);
        clients += 1;
        if (clientIds.length < NAMED_CLIENTS) clientIds.push(clientId);
      }
    }
    return { events, clients, clientIds };
  }

  /** A gateway is linked. */
  addLink(link: GatewayLink): void {
    const handled = new PendingAcks();
    this.#links.set(link, { contexts: new Map(), handled, isDrained: false });
    const { connection } = link;
    // One frame per turn tells of all events that were finished in it.
    connection.beforeFlush = () => {
      if (!handled.isEmpty) handled.write(connection.writer());
    };
    this.#tellEnded(link);
    this.#greet(link);
    for (const lost of this.#lost) {
      // The same process is back: it has given its clients to the workers that it could reach.
      if (lost.link.instanceId === link.instanceId) this.#takeLost(lost);
      // Another process listens there: the one before is gone for sure.
      else if (lost.link.address === link.address) this.#endClients(lost);
    }
  }

  /**
   * A gateway link is down, and was not resumed in time. Its clients have their end, unless the gateway
   * is known to live: then it gives them to the workers that it reaches.
   *
   * @param isPeerBack - true when the gateway has just answered: it took this worker for gone
   */
  removeLink(link: GatewayLink, isPeerBack = false): void {
    const clients = this.#links.get(link);
    this.#links.delete(link);
    if (clients === undefined || clients.contexts.size === 0 || isPeerBack) return;
    this.#lost = [...this.#lost, { link, contexts: [...clients.contexts.values()] }];
    this.endLost();
  }

  /** Gives the clients of gateways that are not known to live any more their end. */
  endLost(): void {
    for (const lost of this.#lost) if (!this.#options.isAlive(lost.link)) this.#endClients(lost);
  }

  /** Takes a frame of a gateway; the body is `buffer[start, end)`. */
  handleFrame(
    link: GatewayLink,
    command: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    const clients = this.#links.get(link);
    if (clients === undefined) return;
    if (command === Command.ClientMessage) {
      assertHolds(EVENT_HEADER_BYTES, start, end);
      const context = clients.contexts.get(buffer.readUInt32BE(start));
      if (context === undefined) return;
      const message = readClientMessage(buffer, start, end);
      const byteLength = end - start - EVENT_HEADER_BYTES;
      if (isRedelivered(buffer, start)) {
        this.#options.onEvent(context, {
          kind: 'message',
          message,
          byteLength,
          isRedelivered: true,
        });
      } else {
        this.#options.onEvent(context, { kind: 'message', message, byteLength });
      }
    } else if (command === Command.ClientConnected) {
      assertHolds(EVENT_HEADER_BYTES, start, end);
      const context = clients.contexts.get(buffer.readUInt32BE(start));
      if (context === undefined) return;
      const event = { kind: 'connected', isRedelivered: isRedelivered(buffer, start) } as const;
      this.#options.onEvent(context, event);
    } else if (command === Command.ClientDetached) {
      assertHolds(CONNECTION_BYTES, start, end);
      clients.contexts.delete(buffer.readUInt32BE(start));
    } else if (command === Command.WorkerDrained) {
      clients.isDrained = this.#isDraining;
    } else {
      const message = readMessage(command, buffer, start, end);
      if (message !== undefined) this.#handleMessage(link, clients, message);
    }
  }

  /** An event is finished. */
  handleFinished(context: ClientContext, event: ClientEvent): void {
    const { link, connection } = context;
    const clients = this.#links.get(link);
    if (clients === undefined) return;
    if (event.kind === 'closed') clients.contexts.delete(connection);
    clients.handled.add(connection, event.kind === 'message' ? event.byteLength : 0);
    link.connection.output.schedule();
  }

  /** Forgets every client. */
  close(): void {
    this.#lost = [];
    // The links close after this: their clients live on at the gateways and have no end here.
    this.#links.clear();
  }

  #handleMessage(link: GatewayLink, { contexts }: LinkClients, message: Message): void {
    if (message.type === 'clientAttached') {
      const context = new ClientContext(link, message, this.#options.gateway);
      contexts.set(message.connection, context);
    } else if (message.type === 'sessionChanged') {
      const context = contexts.get(message.connection);
      context?.sessionCopy.applyForeignChange(message.delta, message.appliedChanges);
    } else if (message.type === 'uidChanged') {
      contexts.get(message.connection)?.applyUidChange(message.uid, message.appliedChanges);
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
      // Read here: a request that is none breaks the link, and a promise would reject unseen.
      const request = parseHandshakeRequest(message.request);
      const { requestId } = message;
      this.#options.guard.follow(
        'onHandshake decision',
        this.#decide(link, message, request),
        (decision) => answerHandshake(link, requestId, decision),
        () => answerHandshake(link, requestId, failedDecision),
      );
    }
  }

  async #decide(
    link: GatewayLink,
    message: Message<'handshakeRequest'>,
    request: HandshakeRequest,
  ): Promise<HandshakeDecision | undefined> {
    const { remoteAddress, remotePort, gatewayPort } = message;
    return await this.#options.decide?.({
      ...request,
      remoteAddress,
      remotePort,
      gatewayName: link.name,
      gatewayPort,
    });
  }

  /** Tells a gateway what this worker takes, if anything. */
  #greet(link: GatewayLink): void {
    if (this.#isDraining) {
      link.connection.signal(Command.WorkerDraining);
      return;
    }
    if (!this.#isReady) return;
    const { decide, redelivers } = this.#options;
    writeWorkerReady(link.connection.writer(), {
      decidesHandshakes: decide !== undefined,
      redelivers,
    });
  }

  /** A gateway that was taken for gone lives: what its clients were told here must be true there. */
  #tellEnded(link: GatewayLink): void {
    const connections = this.#ended.get(link.instanceId);
    this.#ended.delete(link.instanceId);
    if (connections === undefined) return;
    this.#options.logger.warn(
      { gateway: link.address, clients: connections.length },
      'the gateway lives, but its clients were told to be gone: it closes them',
    );
    writeClientsEnded(link.connection.writer(), connections);
  }

  #rememberEnded({ link, contexts }: LostGateway): void {
    const connections = contexts.map(({ connection }) => connection);
    this.#ended.set(link.instanceId, connections);
    if (this.#ended.size <= REMEMBERED_GATEWAYS) return;
    const [oldest = ''] = this.#ended.keys();
    this.#ended.delete(oldest);
  }

  #takeLost(lost: LostGateway): void {
    this.#lost = this.#lost.filter((other) => other !== lost);
  }

  /** Gives the clients of a gateway that is gone their end, a few per turn. */
  #endClients(lost: LostGateway): void {
    this.#takeLost(lost);
    this.#rememberEnded(lost);
    const { link, contexts } = lost;
    this.#options.logger.warn({ gateway: link.address, clients: contexts.length }, 'gateway lost');
    const endFrom = (first: number): void => {
      for (const context of contexts.slice(first, first + LOST_CLIENTS_PER_TURN)) {
        // One that was closing already has its end among its events.
        if (context.closed !== undefined || hasEndWaiting(context)) continue;
        const closed = { by: ClosedBy.GatewayLost };
        this.#options.onEvent(context, { kind: 'closed', closed, isRedelivered: false });
      }
      const next = first + LOST_CLIENTS_PER_TURN;
      if (next < contexts.length) setImmediate(endNext, next);
      else this.#ending -= 1;
    };
    // Another attempt: the clients that are left must have their end.
    const endNext = this.#options.guard.wrap(
      'clients of a lost gateway',
      endFrom,
      (_error, first) => endFrom(first),
    );
    this.#ending += 1;
    endFrom(0);
  }
}

function answerHandshake(
  { connection }: GatewayLink,
  requestId: number,
  decision: HandshakeDecision | undefined,
): void {
  if (decision === undefined || !connection.isOpen) return;
  connection.send({ type: 'handshakeResponse', requestId, ...decision });
}

function hasEndWaiting(context: ClientContext): boolean {
  return context.waiting?.some((event) => event.kind === 'closed') ?? false;
}

/** What lies behind a frame that is too short belongs to the next one, or to nobody. */
function assertHolds(byteLength: number, start: number, end: number): void {
  if (end - start >= byteLength) return;
  throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a frame ends within a field');
}

function isRedelivered(buffer: Buffer, start: number): boolean {
  return (buffer.readUInt8(start + EVENT_HEADER_BYTES - 1) & PayloadFlag.Redelivered) !== 0;
}

/** Text is decoded at once and bytes are copied: the buffer they lie in is the link's. */
function readClientMessage(buffer: Buffer, start: number, end: number): string | Buffer {
  const isBinary = (buffer.readUInt8(start + EVENT_HEADER_BYTES - 1) & PayloadFlag.Binary) !== 0;
  const payloadStart = start + EVENT_HEADER_BYTES;
  if (!isBinary) return buffer.toString('utf8', payloadStart, end);
  return Buffer.from(buffer.subarray(payloadStart, end));
}
