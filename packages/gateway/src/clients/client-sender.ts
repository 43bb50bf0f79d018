import type { Guard } from '@gatewayworker/core';
import type { ClosedBy } from '@gatewayworker/protocol';
import type { Transport } from '../transports/transport.ts';
import type { ClientConnection } from './client-connection.ts';
import { type ClientTables, endClient } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';
import { ServerClosure } from './server-closure.ts';

/** Time for a slow consumer to read the close frame, in milliseconds. */
const OVERFLOW_GRACE_MS = 1000;

/** What happens to a slow consumer. */
export const slowConsumerPolicies = ['close', 'drop'] as const;
export type SlowConsumerPolicy = (typeof slowConsumerPolicies)[number];

/** Limits of the sender. */
export interface ClientSenderOptions {
  /** Unsent bytes past which a client is a slow consumer. */
  readonly sendToClientBufferSize: number;
  readonly slowConsumer: SlowConsumerPolicy;
}

/** Dependencies of the sender. */
export interface ClientSenderContext {
  readonly transport: Pick<Transport, 'frame'>;
  readonly tables: ClientTables;
  readonly limits: LimitCounters;
  readonly guard: Guard;
}

/** Sends to clients, frames each message once, and closes or skips slow consumers. */
export class ClientSender {
  readonly #options: ClientSenderOptions;
  readonly #transport: Pick<Transport, 'frame'>;
  readonly #tables: ClientTables;
  readonly #limits: LimitCounters;
  /** Sends a frame, which other clients may share. */
  readonly sendFrame: (client: ClientConnection, frame: Buffer) => void;
  /** Frames and sends `source[start, end)` to one client. */
  readonly sendMessage: (
    client: ClientConnection,
    source: Buffer,
    start: number,
    end: number,
    isBinary: boolean,
  ) => void;
  /** Frames and sends a header of the client protocol, and `source[start, end)`, to one client that can resume. */
  readonly sendPrefixed: (
    client: ClientConnection,
    header: Buffer,
    source: Buffer,
    start: number,
    end: number,
  ) => void;
  /** Sends the queued output and a close frame, and closes a client. For a slow consumer it drops the output. */
  readonly close: (client: ClientConnection, closure: ServerClosure) => void;
  /** Closes the socket of a client at once, also if it is closing already. */
  readonly destroy: (client: ClientConnection, by: ClosedBy) => void;
  /** Messages written to sockets. */
  sent = 0;
  /** Messages that were not sent to slow consumers. */
  failed = 0;

  constructor(options: ClientSenderOptions, context: ClientSenderContext) {
    this.#options = options;
    this.#transport = context.transport;
    this.#tables = context.tables;
    this.#limits = context.limits;
    const { guard } = context;
    // An exception for one client must not stop a broadcast to the others.
    const fail = (error: Error, client: ClientConnection): void => client.socket.fail(error);
    this.sendFrame = guard.wrap('client send', this.#sendFrame.bind(this), fail);
    this.sendMessage = guard.wrap('client send in place', this.#sendMessage.bind(this), fail);
    this.sendPrefixed = guard.wrap('client send prefixed', this.#sendPrefixed.bind(this), fail);
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

  #sendPrefixed(
    client: ClientConnection,
    header: Buffer,
    source: Buffer,
    start: number,
    end: number,
  ): void {
    const { resumable } = client;
    if (resumable?.isReceiving !== true || !this.#hasRoom(client)) return;
    resumable.sendPrefixed(header, source, start, end);
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
    // Output of this turn is not written yet; the kernel may have room for it.
    socket.flush();
    if (socket.pendingBytes < sendToClientBufferSize) return true;
    this.failed += 1;
    this.#limits.slowConsumer += 1;
    if (client.resumable !== undefined) {
      // It resumes, and gets what it has missed.
      const { by, code, reason } = ServerClosure.SlowConsumer;
      client.resumable.close(by, code, reason);
      return false;
    }
    if (slowConsumer === 'drop') return false;
    this.close(client, ServerClosure.SlowConsumer);
    setTimeout(() => socket.destroy(ServerClosure.SlowConsumer.by), OVERFLOW_GRACE_MS).unref();
    return false;
  }
}
