import {
  FlushScheduler,
  GatewayWorkerError,
  type Guard,
  type Logger,
  type PredecessorChannel,
} from '@gatewayworker/core';
import { ClosedBy, packValue } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientEvents, ResumableClientEvents } from '../clients/client-events.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { ResumableRecord } from '../resume/resumable-context.ts';
import { ResumableSocket } from '../resume/resumable-socket.ts';
import { isHandle } from '../transports/socket-handle.ts';
import type { SocketInfo } from '../transports/transport.ts';
import type { InnerLinkParts } from '../workers/inner-links.ts';
import { HandoverLink } from './handover-link.ts';
import {
  type CandidateRecord,
  type ClientInfo,
  type ClientRow,
  HANDOVER_VERSION,
  type IdentityRecord,
  type LinkRecord,
  type PredecessorMessage,
  parseRow,
  type SuccessorMessage,
} from './handover-messages.ts';
import { createClient, importClient, importLink } from './import-gateway.ts';
import { RelayedSocket } from './relayed-socket.ts';

/** Name of the handle of the listening socket for inner links. */
export const INNER_SOCKET = 'inner';

const predecessorLost = 'the predecessor is gone';

/** A client whose connection is still in the predecessor. */
interface RelayedClient {
  readonly client: ClientConnection;
  readonly socket: RelayedSocket;
  readonly handler: ClientEvents;
  /** Set once the predecessor has released the connection. */
  moved: Extract<PredecessorMessage, { type: 'moved' }> | undefined;
}

/** A handover on the side of the successor: it imports the state of the gateway, and then adopts the connections. */
export class IncomingHandover {
  /** Identity of the predecessor, which this process takes over. */
  readonly identity: IdentityRecord;
  /** Listening socket of the predecessor for inner links. */
  readonly innerSocket: object;
  readonly #link: HandoverLink<SuccessorMessage, PredecessorMessage>;
  readonly #channel: PredecessorChannel;
  readonly #logger: Logger;
  readonly #handles = new Map<string, object>();
  readonly #relayed = new Map<number, RelayedClient>();
  /** Clients that are created from their info, until the import is complete. */
  readonly #created = new Map<number, RelayedClient>();
  readonly #links = new Map<
    string,
    { readonly record: LinkRecord; readonly parts: InnerLinkParts }
  >();
  /** Clients that can resume, until the import is complete. */
  readonly #parked: { readonly client: ClientConnection; readonly record: ResumableRecord }[] = [];
  #onCommit: () => void = () => undefined;

  private constructor(
    channel: PredecessorChannel,
    link: HandoverLink<SuccessorMessage, PredecessorMessage>,
    {
      identity,
      innerSocket,
      logger,
    }: { identity: IdentityRecord; innerSocket: object; logger: Logger },
  ) {
    this.#channel = channel;
    this.#link = link;
    this.identity = identity;
    this.innerSocket = innerSocket;
    this.#logger = logger;
  }

  /**
   * Receives the identity and the listening socket of the predecessor.
   *
   * @throws {GW_ERR_VERSION_MISMATCH} when the predecessor uses another version of the messages
   * @throws {GW_ERR_LINK_CLOSED} when the predecessor is lost
   */
  static async open(
    channel: PredecessorChannel,
    { guard, logger }: { readonly guard: Guard; readonly logger: Logger },
  ): Promise<IncomingHandover> {
    const link = new HandoverLink<SuccessorMessage, PredecessorMessage>(
      channel.stream,
      new FlushScheduler(guard),
    );
    const identified = new Promise<IdentityRecord>((resolve) => {
      link.onMessage = (message) => {
        if (message.type === 'identity') resolve(message.identity);
      };
    });
    const received = new Promise<object>((resolve) => {
      channel.onHandle = (name, handle) => {
        if (name === INNER_SOCKET) resolve(handle);
      };
    });
    link.send({ type: 'listening' });
    const lost = link.untilLost(predecessorLost);
    const [identity, innerSocket] = await Promise.race([Promise.all([identified, received]), lost]);
    if (identity.version !== HANDOVER_VERSION) {
      const text = `the predecessor has handover version ${identity.version}, this process ${HANDOVER_VERSION}`;
      throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', text);
    }
    return new IncomingHandover(channel, link, { identity, innerSocket, logger });
  }

  /**
   * Imports links and clients. Resolves after the commit of the predecessor, which cannot roll back then.
   *
   * @throws {GW_ERR_LINK_CLOSED} when the predecessor is lost before
   */
  async takeOver(parts: GatewayParts): Promise<void> {
    const { guard } = parts.state;
    const committed = new Promise<void>((resolve) => {
      this.#onCommit = resolve;
    });
    this.#link.onMessage = (message) => this.#handle(parts, message);
    this.#channel.onHandle = (name, handle) => {
      this.#handles.set(name, handle);
      this.#adopt(parts, Number(name));
    };
    this.#link.send({ type: 'prepared' });
    await Promise.race([committed, this.#link.untilLost(predecessorLost)]);
    const closeRelayed = (): void => this.#closeRelayed(parts);
    guard.follow('predecessor gone', this.#untilEnded(), closeRelayed, closeRelayed);
  }

  /** Resolves when the predecessor can send nothing more. */
  async #untilEnded(): Promise<void> {
    await this.#link.closed;
    await this.#channel.ended;
  }

  /** Tells the predecessor that this process accepts links and clients. */
  sendServing(): void {
    this.#link.send({ type: 'serving' });
  }

  /** Tells the predecessor that this process is announced to the registers. */
  sendAnnounced(): void {
    this.#link.send({ type: 'announced' });
  }

  #handle(parts: GatewayParts, message: PredecessorMessage): void {
    switch (message.type) {
      case 'link':
        this.#importLink(parts, message.link);
        break;
      case 'clientInfo':
        for (const info of message.clients) this.#createClient(parts, info);
        break;
      case 'infoSent':
        this.#link.send({ type: 'infoRead' });
        break;
      case 'clients':
        for (const row of message.clients) this.#importClient(parts, row);
        break;
      case 'lastSeen':
        for (const entry of message.entries) parts.state.clients.lastSeen.record(...entry);
        break;
      case 'stateSent':
        parts.state.clients.continueFrom(message.lastConnection);
        this.#finishImport(parts);
        break;
      case 'commit':
        this.#commit();
        break;
      case 'linksClosed':
        // The resume timeout of the links starts now.
        parts.innerServer.thawAll();
        break;
      case 'message':
        this.#dispatch(parts, message);
        break;
      case 'closed':
        this.#handleClosed(message);
        break;
      case 'candidate':
        this.#admit(parts, message.candidate);
        break;
      case 'holdOutput':
        this.#relayed.get(message.connection)?.socket.hold();
        this.#link.send({ type: 'outputHeld', connection: message.connection });
        break;
      case 'moveCancelled':
        this.#relayed.get(message.connection)?.socket.relay(message.connection);
        break;
      case 'moved':
        this.#handleMoved(parts, message);
        break;
      case 'identity':
        break;
      default:
        message satisfies never;
    }
  }

  #importLink(parts: GatewayParts, record: LinkRecord): void {
    const link = importLink(parts, record);
    if (link !== undefined) this.#links.set(record.linkId, { record, parts: link });
  }

  #createClient(parts: GatewayParts, info: ClientInfo): void {
    const socket = this.#createSocket(parts, info);
    const client = createClient(parts, info, socket);
    const handler = new ClientEvents(client, parts.clientEvents);
    this.#created.set(client.connection, { client, socket, handler, moved: undefined });
  }

  #importClient(parts: GatewayParts, row: ClientRow): void {
    const record = parseRow(row);
    const created = record && this.#created.get(record.connection);
    if (record === undefined || created === undefined)
      throw new TypeError('a client record without its info');
    const { client, socket, handler } = created;
    const link = record.linkId === undefined ? undefined : this.#links.get(record.linkId);
    importClient(parts, client, record, link?.parts.worker);
    if (record.isClosed) return;
    if (record.resumable !== undefined) {
      this.#parked.push({ client, record: record.resumable });
      return;
    }
    this.#keep(client, socket, handler);
    // Some pause reasons are not restored, so the predecessor may have to resume it.
    if (record.pauseReasons !== 0) socket.setPaused(client.isPaused);
  }

  /** Drains workers and restores subscriptions, which need all clients. */
  #finishImport(parts: GatewayParts): void {
    this.#restoreParked(parts);
    const { dispatcher, innerLinks } = parts;
    for (const { record, parts } of this.#links.values()) {
      const { worker, interest } = parts;
      if (record.worker?.isDraining && worker !== undefined) dispatcher.drainWorker(worker);
      if (record.areSynced !== undefined) innerLinks.restoreInterest(interest, record.areSynced);
    }
    this.#links.clear();
    this.#created.clear();
    this.#link.send({ type: 'imported' });
  }

  /** Parks the clients that can resume: their connections cannot move. */
  #restoreParked({ clientEvents, resume }: GatewayParts): void {
    for (const { client, record } of this.#parked) {
      const socket = new ResumableSocket(client.socket, resume.socketContext);
      client.socket = socket;
      socket.restore(client, new ResumableClientEvents(client, clientEvents), record);
      if (!record.isParked) socket.reportDrop();
    }
    this.#parked.length = 0;
  }

  #commit(): void {
    for (const [connection, { socket }] of this.#relayed) socket.relay(connection);
    this.#onCommit();
  }

  #dispatch(
    { clientEvents }: GatewayParts,
    { connection, payload, isBinary }: Extract<PredecessorMessage, { type: 'message' }>,
  ): void {
    const client = this.#relayed.get(connection)?.client;
    if (client === undefined || client.isClosing) return;
    clientEvents.received += 1;
    clientEvents.dispatcher.dispatchMessage(client, payload, 0, payload.length, isBinary);
  }

  #handleClosed({ connection, closure }: Extract<PredecessorMessage, { type: 'closed' }>): void {
    const relayed = this.#relayed.get(connection);
    this.#relayed.delete(connection);
    relayed?.socket.handleClosed(closure);
  }

  #admit(parts: GatewayParts, { request, handshake, ...candidate }: CandidateRecord): void {
    const info = { ...candidate, packedRequest: handshake && packValue(handshake) };
    parts.gate.admit({ ...candidate, request: handshake }, (decision) => {
      if (!decision.isAccepted) {
        const { status, reason } = decision;
        this.#link.send({ type: 'refusal', request, status, reason });
        return;
      }
      const socket = this.#createSocket(parts, info);
      const handler = decision.onClient(socket);
      if (!(handler instanceof ClientEvents)) throw new TypeError('a client without events');
      const { connection, nonceHigh, nonceLow } = handler.client;
      this.#link.send({ type: 'decision', request, connection, nonceHigh, nonceLow });
      this.#keep(handler.client, socket, handler);
      socket.relay(connection);
    });
  }

  #handleMoved(parts: GatewayParts, message: Extract<PredecessorMessage, { type: 'moved' }>): void {
    const relayed = this.#relayed.get(message.connection);
    if (relayed === undefined) return;
    relayed.moved = message;
    this.#adopt(parts, message.connection);
  }

  /** Adopts a connection when both its handle and its state are received. */
  #adopt({ transport, state }: GatewayParts, connection: number): void {
    const relayed = this.#relayed.get(connection);
    const handle = this.#handles.get(String(connection));
    if (relayed?.moved === undefined || handle === undefined) return;
    const { client, socket, handler, moved } = relayed;
    this.#relayed.delete(connection);
    this.#handles.delete(String(connection));
    const { remoteAddress, remotePort, listenPort, packedRequest } = socket;
    const { unread, bytesRead, bytesWritten, rateLeft } = moved;
    const info = { remoteAddress, remotePort, listenPort, packedRequest };
    if (rateLeft !== undefined) handler.restoreRate(rateLeft);
    const adopt = state.guard.wrap(
      'client adoption',
      () => {
        const own = transport.adopt({ ...info, handle, unread, bytesRead, bytesWritten }, handler);
        client.socket = own;
        socket.adopt(own);
        if (!client.isClosing) own.setPaused(client.isPaused);
      },
      (error) => {
        if (client.socket !== socket) client.socket.fail(error);
        else dropConnection(socket, handle);
      },
    );
    adopt();
    this.#link.send({ type: 'adopted', connection });
  }

  #createSocket({ transport }: GatewayParts, info: SocketInfo): RelayedSocket {
    return new RelayedSocket(info, { link: this.#link, transport });
  }

  #keep(client: ClientConnection, socket: RelayedSocket, handler: ClientEvents): void {
    socket.handler = handler;
    this.#relayed.set(client.connection, { client, socket, handler, moved: undefined });
  }

  /** Closes the clients whose connections were lost with the predecessor. */
  #closeRelayed({ state }: GatewayParts): void {
    const lost = [...this.#relayed.values()];
    this.#relayed.clear();
    for (const handle of this.#handles.values()) if (isHandle(handle)) handle.close();
    this.#handles.clear();
    if (lost.length === 0) return;
    this.#logger.warn({ clients: lost.length }, 'clients lost with the predecessor');
    const close = state.guard.wrap(
      'client of a lost predecessor',
      ({ socket }: RelayedClient) => socket.handleClosed(gatewayLost),
      (_error, { socket }) => socket.handleClosed(gatewayLost),
    );
    for (const relayed of lost) close(relayed);
  }
}

/** Closes a client whose connection cannot be adopted. */
function dropConnection(socket: RelayedSocket, handle: object): void {
  if (isHandle(handle)) handle.close();
  socket.handleClosed(ServerClosure.InternalError);
}

/** Closure of a client whose connection was lost with the predecessor. */
const gatewayLost = { by: ClosedBy.GatewayLost, code: undefined, reason: undefined };
