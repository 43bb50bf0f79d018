import type { SuccessorChannel } from '@gatewayworker/core';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientEvents } from '../clients/client-events.ts';
import { forgetClient } from '../clients/client-table.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { ReleasedSocket } from '../transports/transport.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

/** Connections that move at the same time. A client is paused only while its own connection moves. */
const CONCURRENT_MOVES = 4;

/** Delay before another attempt to move a connection, in milliseconds. */
const RETRY_MS = 20;

/** Time without any move after which the remaining clients are not moved, in milliseconds. */
const STALL_TIMEOUT_MS = 5000;

/** Moves the connections of clients to the successor, a few at a time. */
export class ClientMover {
  readonly #parts: GatewayParts;
  readonly #channel: SuccessorChannel;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  #queue: ClientConnection[] = [];
  /** Clients whose attempt has failed, to be tried again. */
  #retries: ClientConnection[] = [];
  readonly #moving = new Set<number>();
  #retryTimer: NodeJS.Timeout | undefined;
  #lastMoveAt = 0;
  #isStopped = false;
  /** Number of moved connections. */
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

  /** True when every connection that can be moved has moved. */
  get isDone(): boolean {
    if (this.#queue.length > 0 || this.#moving.size > 0) return false;
    return this.#retries.length === 0 || performance.now() - this.#lastMoveAt > STALL_TIMEOUT_MS;
  }

  /** Starts to move all clients. */
  start(): void {
    this.#lastMoveAt = performance.now();
    // The queue is taken from its end, so that the oldest clients move first.
    this.#queue = [...this.#parts.state.clients.all()].reverse();
    this.#moveNext();
  }

  /** Adds a client that was admitted after the start. */
  add(client: ClientConnection): void {
    // Delayed, because its handshake must be answered first.
    this.#retry(client);
  }

  /** Stops moving. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retryTimer);
  }

  /** Sends a connection to the successor, which holds its output now. */
  handleOutputHeld(connection: number): void {
    const client = this.#parts.state.clients.get(connection);
    if (client === undefined || this.#isStopped) {
      this.#cancelMove(connection);
      return;
    }
    const released = client.isClosing ? 'later' : client.socket.release();
    if (typeof released !== 'string') {
      this.#sendConnection(client, released);
      return;
    }
    this.#cancelMove(connection);
    if (released === 'later') this.#retry(client);
  }

  /** Ends the move of a connection. */
  handleAdopted(connection: number): void {
    this.#moving.delete(connection);
    this.#moveNext();
  }

  #moveNext(): void {
    const { clients } = this.#parts.state;
    while (!this.#isStopped && this.#moving.size < CONCURRENT_MOVES) {
      const client = this.#queue.pop();
      if (client === undefined) return;
      const { connection } = client;
      if (clients.get(connection) !== client) continue;
      this.#moving.add(connection);
      this.#link.send({ type: 'holdOutput', connection });
    }
  }

  #cancelMove(connection: number): void {
    this.#link.send({ type: 'moveCancelled', connection });
    this.handleAdopted(connection);
  }

  #retry(client: ClientConnection): void {
    this.#retries.push(client);
    if (this.#retryTimer !== undefined) return;
    const { guard } = this.#parts.state;
    const retry = (): void => {
      this.#retryTimer = undefined;
      this.#queue.push(...this.#retries);
      this.#retries = [];
      this.#moveNext();
    };
    this.#retryTimer = setTimeout(guard.wrap('client moved later', retry, retry), RETRY_MS);
  }

  #sendConnection(client: ClientConnection, released: ReleasedSocket): void {
    const { state } = this.#parts;
    const { connection } = client;
    const { handle, unread, bytesRead, bytesWritten, handler } = released;
    const rateLeft = handler instanceof ClientEvents ? handler.rateLeft : undefined;
    forgetClient(state, client);
    this.#link.send({ type: 'moved', connection, unread, bytesRead, bytesWritten, rateLeft });
    this.moved += 1;
    this.#lastMoveAt = performance.now();
    // The successor gets a duplicate of the handle, so close this one in any case.
    const close = (): void => handle.close();
    const sent = this.#channel.sendHandle(String(connection), handle);
    state.guard.follow('connection sent', sent, close, close);
  }
}
