import {
  ClientProtocolError,
  decodeClientFrame,
  encodeGatewayFrame,
  type HelloFrame,
} from '@gatewayworker/client-protocol';
import type { Guard } from '@gatewayworker/core';
import { CloseCode, ClosedBy } from '@gatewayworker/protocol';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { ClientClosure, ClientSocketHandler, Refusal } from '../transports/transport.ts';
import type { PrefixedSocket } from '../transports/websocket-socket.ts';
import type { ResumableSocket } from './resumable-socket.ts';

const noBytes = Buffer.alloc(0);

/** Dependencies of the handler. */
export interface HelloHandlerContext {
  readonly guard: Guard;
  readonly limits: LimitCounters;
  readonly handshakeTimeoutMs: number;
  /** Called with the Hello of the connection. */
  readonly onHello: (hello: HelloFrame, handler: HelloHandler) => void;
  /** Called when the connection has a client, or has ended. */
  readonly onDone: (handler: HelloHandler) => void;
}

/** Handles a connection with the client protocol: waits for its Hello, and then passes frames to its client. */
export class HelloHandler implements ClientSocketHandler {
  readonly connection: PrefixedSocket;
  readonly #context: HelloHandlerContext;
  readonly #timer: NodeJS.Timeout;
  #client: ResumableSocket | undefined;
  #hasHello = false;
  #isClosed = false;

  constructor(connection: PrefixedSocket, context: HelloHandlerContext) {
    this.connection = connection;
    this.#context = context;
    const { guard, handshakeTimeoutMs } = context;
    const expire = guard.wrap(
      'Hello timeout',
      () => this.#expire(),
      () => connection.destroy(ClosedBy.Server),
    );
    this.#timer = setTimeout(expire, handshakeTimeoutMs);
  }

  /** True once the connection has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Passes the connection to its client. */
  handTo(client: ResumableSocket): void {
    this.#client = client;
    this.#context.onDone(this);
  }

  /** Closes the connection, so that the client connects to another process. */
  sendAway(): void {
    this.#isClosed = true;
    this.connection.close(ClosedBy.Server, CloseCode.ServiceRestart, '');
  }

  /** Refuses the client, and closes the connection. */
  refuse({ status, reason }: Refusal): void {
    const bytes = Buffer.from(encodeGatewayFrame({ op: 'refused', status, reason }));
    this.connection.sendPrefixed(bytes, noBytes, 0, 0);
    this.connection.close(ClosedBy.Server, CloseCode.Refused, '');
  }

  onMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const client = this.#client;
    if (client !== undefined) {
      if (client.isOn(this.connection)) client.onMessage(source, start, end, isBinary);
      return;
    }
    try {
      this.#readHello(source.subarray(start, end), isBinary);
    } catch (error) {
      if (!(error instanceof ClientProtocolError)) throw error;
      this.connection.close(ClosedBy.Protocol, CloseCode.ProtocolError, error.message);
    }
  }

  onClose(closure: ClientClosure): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#context.onDone(this);
    const client = this.#client;
    // After a takeover the client is on another connection.
    if (client?.isOn(this.connection)) client.onClose(closure);
  }

  #readHello(bytes: Buffer, isBinary: boolean): void {
    if (!isBinary) throw new ClientProtocolError('a frame is text');
    if (this.#hasHello) throw new ClientProtocolError('a frame before the Welcome');
    // A copy, because the connection reuses its buffer.
    const frame = decodeClientFrame(Buffer.from(bytes));
    if (frame.op !== 'hello') throw new ClientProtocolError('the first frame is no Hello');
    this.#hasHello = true;
    clearTimeout(this.#timer);
    this.#context.onHello(frame, this);
  }

  #expire(): void {
    this.#context.limits.handshakeTimeout += 1;
    this.connection.close(ClosedBy.Server, CloseCode.Silence, 'no Hello');
  }
}
