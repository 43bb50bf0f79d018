import type { SuccessorChannel } from '@gatewayworker/core';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientEvents } from '../clients/client-events.ts';
import { forgetClient } from '../clients/client-table.ts';
import type { ReleasedSocket } from '../transports/transport.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

/** Connections that move at a time: a client stands still only while its own does. */
const MOVES_AT_A_TIME = 4;

/** Time until a connection is tried again that could not move, in milliseconds. */
const RETRY_MS = 20;

/** Time without any move after which the clients that are left are given up, in milliseconds. */
const PATIENCE_MS = 5000;

/** Moves the connections of clients to the successor, a few at a time. */
export class ClientMover {
  readonly #parts: GatewayParts;
  readonly #channel: SuccessorChannel;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  #queue: ClientConnection[] = [];
  /** Clients that could not move when their turn came. */
  #later: ClientConnection[] = [];
  readonly #moving = new Set<number>();
  #retryTimer: NodeJS.Timeout | undefined;
  #lastMoveAt = 0;
  #isStopped = false;
  /** Connections that have moved. */
  moved = 0;

  constructor(
    parts: GatewayParts,
    channel: SuccessorChannel,
    link: HandoverLink<PredecessorMessage, SuccessorMessage>,
  ) {
    this.#parts = parts;
    this.#channel = channel;
    this.#link = link;
  }

  /** True when all have moved that can. */
  get isDone(): boolean {
    if (this.#queue.length > 0 || this.#moving.size > 0) return false;
    return this.#later.length === 0 || performance.now() - this.#lastMoveAt > PATIENCE_MS;
  }

  /** Begins with all clients. */
  start(): void {
    this.#lastMoveAt = performance.now();
    // From the end, so that the oldest come first.
    this.#queue = [...this.#parts.state.clients.all()].reverse();
    this.#moveNext();
  }

  /** A client has come since the start. */
  add(client: ClientConnection): void {
    // Its handshake is answered first.
    this.#retry(client);
  }

  /** Moves no more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retryTimer);
  }

  /** The successor sends nothing to this client for the moment. */
  handleQuiet(connection: number): void {
    const client = this.#parts.state.clients.get(connection);
    if (client === undefined || this.#isStopped) {
      this.#stay(connection);
      return;
    }
    const released = client.isClosing ? 'later' : client.socket.release();
    if (typeof released !== 'string') {
      this.#hand(client, released);
      return;
    }
    this.#stay(connection);
    if (released === 'later') this.#retry(client);
  }

  /** The successor has the connection. */
  handleAdopted(connection: number): void {
    this.#moving.delete(connection);
    this.#moveNext();
  }

  #moveNext(): void {
    const { clients } = this.#parts.state;
    while (!this.#isStopped && this.#moving.size < MOVES_AT_A_TIME) {
      const client = this.#queue.pop();
      if (client === undefined) return;
      const { connection } = client;
      if (clients.get(connection) !== client) continue;
      this.#moving.add(connection);
      this.#link.send({ type: 'moving', connection });
    }
  }

  #stay(connection: number): void {
    this.#link.send({ type: 'stays', connection });
    this.handleAdopted(connection);
  }

  #retry(client: ClientConnection): void {
    this.#later.push(client);
    if (this.#retryTimer !== undefined) return;
    const { guard } = this.#parts.state;
    const retry = (): void => {
      this.#retryTimer = undefined;
      this.#queue.push(...this.#later);
      this.#later = [];
      this.#moveNext();
    };
    this.#retryTimer = setTimeout(guard.wrap('client moved later', retry, retry), RETRY_MS);
  }

  #hand(client: ClientConnection, released: ReleasedSocket): void {
    const { state } = this.#parts;
    const { connection } = client;
    const { handle, unread, bytesRead, bytesWritten, handler } = released;
    const rateLeft = handler instanceof ClientEvents ? handler.rateLeft : undefined;
    forgetClient(state, client);
    this.#link.send({ type: 'moved', connection, unread, bytesRead, bytesWritten, rateLeft });
    this.moved += 1;
    this.#lastMoveAt = performance.now();
    // The copy of the successor is another one. Without a successor the client is lost with it.
    const close = (): void => handle.close();
    const sent = this.#channel.sendHandle(String(connection), handle);
    state.guard.follow('connection sent', sent, close, close);
  }
}
