import type { Guard } from '@gatewayworker/core';
import type { ClosedBy } from '@gatewayworker/protocol';
import type { Transport } from '../transports/transport.ts';
import type { ClientConnection } from './client-connection.ts';
import { type ClientTables, endClient } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';
import { ServerClosure } from './server-closure.ts';

/** Time that a client which was too slow has to take the close frame, in milliseconds. */
const OVERFLOW_GRACE_MS = 1000;

/** What happens to a client that reads too slowly. */
export const slowConsumerPolicies = ['close', 'drop'] as const;
export type SlowConsumerPolicy = (typeof slowConsumerPolicies)[number];

/** Limits of the sender. */
export interface ClientSenderOptions {
  /** Unsent bytes past which a client counts as too slow. */
  readonly sendToClientBufferSize: number;
  readonly slowConsumer: SlowConsumerPolicy;
}

/** What the sender works on. */
export interface ClientSenderContext {
  readonly transport: Pick<Transport, 'frame'>;
  readonly tables: ClientTables;
  readonly limits: LimitCounters;
  readonly guard: Guard;
}

/** Sends to clients, frames each message once, and deals with the one that reads too slowly. */
export class ClientSender {
  readonly #options: ClientSenderOptions;
  readonly #transport: Pick<Transport, 'frame'>;
  readonly #tables: ClientTables;
  readonly #limits: LimitCounters;
  /** Sends a framed message, which other clients may share. */
  readonly sendFrame: (client: ClientConnection, frame: Buffer) => void;
  /** Frames and sends `source[start, end)` to one client. */
  readonly sendMessage: (
    client: ClientConnection,
    source: Buffer,
    start: number,
    end: number,
    isBinary: boolean,
  ) => void;
  /** Closes a client with a goodbye; what was sent before leaves first. */
  readonly close: (client: ClientConnection, closure: ServerClosure) => void;
  /** Drops a client at once, one that is being closed too. */
  readonly destroy: (client: ClientConnection, by: ClosedBy) => void;
  /** Messages handed to sockets. */
  sent = 0;
  /** Messages that were not sent because the client was too slow. */
  failed = 0;

  constructor(options: ClientSenderOptions, context: ClientSenderContext) {
    this.#options = options;
    this.#transport = context.transport;
    this.#tables = context.tables;
    this.#limits = context.limits;
    const { guard } = context;
    // One client that fails must not keep a broadcast, or the end of all, from the others.
    const fail = (error: Error, client: ClientConnection): void => client.socket.fail(error);
    this.sendFrame = guard.wrap('client send', this.#sendFrame.bind(this), fail);
    this.sendMessage = guard.wrap('client send in place', this.#sendMessage.bind(this), fail);
    this.close = guard.wrap('client close', this.#close.bind(this), fail);
    this.destroy = guard.wrap('client destroy', this.#destroy.bind(this), fail);
  }

  /** Frames a message for any number of clients. */
  frame(payload: Buffer, isBinary: boolean): Buffer | undefined {
    return this.#transport.frame(payload, isBinary);
  }

  #sendFrame(client: ClientConnection, frame: Buffer): void {
    if (!this.#hasRoom(client)) return;
    client.socket.sendFrame(frame);
    this.sent += 1;
  }

  #sendMessage(
    client: ClientConnection,
    source: Buffer,
    start: number,
    end: number,
    isBinary: boolean,
  ): void {
    if (!this.#hasRoom(client)) return;
    client.socket.sendMessage(source, start, end, isBinary);
    this.sent += 1;
  }

  #close(client: ClientConnection, { by, code, reason }: ServerClosure): void {
    if (endClient(this.#tables, client)) client.socket.close(by, code, reason);
  }

  #destroy(client: ClientConnection, by: ClosedBy): void {
    endClient(this.#tables, client);
    client.socket.destroy(by);
  }

  #hasRoom(client: ClientConnection): boolean {
    if (client.isClosing) return false;
    const { socket } = client;
    const { sendToClientBufferSize, slowConsumer } = this.#options;
    if (socket.pendingBytes < sendToClientBufferSize) return true;
    // The kernel may have room for what only waits for the end of this turn.
    socket.flush();
    if (socket.pendingBytes < sendToClientBufferSize) return true;
    this.failed += 1;
    this.#limits.slowConsumer += 1;
    if (slowConsumer === 'drop') return false;
    this.close(client, ServerClosure.SlowConsumer);
    setTimeout(() => socket.destroy(ServerClosure.SlowConsumer.by), OVERFLOW_GRACE_MS).unref();
    return false;
  }
}
