import type { Socket } from 'node:net';
import { CoalescingWriter, type FlushScheduler, type Guard } from '@gatewayworker/core';
import {
  ByteWriter,
  type ClientRequest,
  CloseCode,
  ClosedBy,
  fromByteString,
  toByteString,
  unpackClientRequest,
} from '@gatewayworker/protocol';
import { type RawData, WebSocket } from 'ws';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import type { FrameDeflater } from './frame-deflater.ts';
import { InflateGate } from './inflate-gate.ts';
import { hasHandle, takeHandle } from './socket-handle.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  ReleasedSocket,
  ReleaseRefusal,
} from './transport.ts';
import { pingFrame, writeFrameHeader, writePong } from './websocket-frame.ts';
import { readUnparsed } from './websocket-receiver.ts';

/** Pending bytes past which pings get no pong. */
const MAX_PENDING_PONG_BYTES = 65_536;

/** Properties of a websocket client, and objects that the clients of a listener share. */
export interface WebsocketSocketOptions {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The handshake as msgpack. */
  readonly packedRequest: Buffer;
  readonly listenPort: number;
  readonly scheduler: FlushScheduler;
  readonly listeners: WebsocketListeners;
  readonly limits: LimitCounters;
  /** Reason of the close frame for a message that is too long; at most 123 bytes. */
  readonly tooBigReason: string;
  /** Set when the client has negotiated compression. */
  readonly deflater: FrameDeflater | undefined;
  /** Byte counts from the predecessor; `undefined` for a client that this process has admitted. */
  readonly before?: Pick<ReleasedSocket, 'bytesRead' | 'bytesWritten'>;
}

/** A websocket with a reference to its client: all clients share the same listeners, which saves memory. */
export class ClientWebSocket extends WebSocket {
  client: WebsocketSocket | undefined;

  /** `ws` closes by this method too when a client violates the protocol; it gives a code and no reason. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? this.client?.reasonOf(code));
  }
}

function clientOf(websocket: WebSocket): WebsocketSocket | undefined {
  return websocket instanceof ClientWebSocket ? websocket.client : undefined;
}

/** The listeners that all websockets of a transport share, by event. */
export interface WebsocketListeners {
  readonly message: (this: WebSocket, data: RawData, isBinary: boolean) => void;
  readonly ping: (this: WebSocket, data: Buffer) => void;
  readonly error: (this: WebSocket, error: Error) => void;
  readonly close: (this: WebSocket, code: number, reason: Buffer) => void;
}

/** Creates the shared listeners. An exception in one closes its client. */
export function createListeners(guard: Guard): WebsocketListeners {
  function fail(this: WebSocket): void {
    clientOf(this)?.fail();
  }
  function handleMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
    clientOf(this)?.handleMessage(data, isBinary);
  }
  function handlePing(this: WebSocket, data: Buffer): void {
    clientOf(this)?.handlePing(data);
  }
  function handleError(this: WebSocket, error: Error): void {
    clientOf(this)?.handleError(error);
  }
  function handleClose(this: WebSocket, code: number, reason: Buffer): void {
    clientOf(this)?.handleClose(code, reason);
  }
  return {
    message: guard.wrap('websocket message', handleMessage, fail),
    ping: guard.wrap('websocket ping', handlePing, fail),
    error: guard.wrap('websocket error', handleError, fail),
    close: guard.wrap('websocket close', handleClose, fail),
  };
}

/** One websocket client. */
export class WebsocketSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  /** As msgpack in a byte string, which uses a fraction of the memory of an object. */
  readonly #packedRequest: string;
  readonly #websocket: ClientWebSocket;
  readonly #socket: Socket;
  readonly #output: CoalescingWriter;
  readonly #limits: LimitCounters;
  readonly #tooBigReason: string;
  readonly #deflater: FrameDeflater | undefined;
  readonly #listeners: WebsocketListeners;
  readonly #inflateGate: InflateGate | undefined;
  readonly #before: WebsocketSocketOptions['before'];

  #handler: ClientSocketHandler | undefined;
  /** Who closes the connection, unless the client does. */
  #closedBy: ClosedBy | undefined;
  /** Code and reason of the close frame of this side, if the client has not sent its own before. */
  #sentClose: { readonly code: number; readonly reason: string } | undefined;

  constructor(websocket: ClientWebSocket, socket: Socket, options: WebsocketSocketOptions) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.#output = new CoalescingWriter(socket, options.scheduler, this);
    this.#limits = options.limits;
    this.#tooBigReason = options.tooBigReason;
    this.#deflater = options.deflater;
    this.#listeners = options.listeners;
    if (options.deflater !== undefined) {
      this.#inflateGate = InflateGate.of(websocket, socket, options.scheduler.guard);
    }
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.listenPort = options.listenPort;
    this.#before = options.before;
    this.#packedRequest = toByteString(options.packedRequest);
  }

  get request(): ClientRequest {
    return unpackClientRequest(this.packedRequest);
  }

  get packedRequest(): Buffer {
    return fromByteString(this.#packedRequest);
  }

  get isRelayed(): boolean {
    return false;
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead + (this.#before?.bytesRead ?? 0);
  }

  get bytesWritten(): number {
    const written = this.#socket.bytesWritten - this.#socket.writableLength;
    return written + (this.#before?.bytesWritten ?? 0);
  }

  /** Starts to pass messages to the handler. */
  start(handler: ClientSocketHandler): void {
    const websocket = this.#websocket;
    this.#handler = handler;
    websocket.client = this;
    websocket.on('message', this.#listeners.message);
    websocket.on('ping', this.#listeners.ping);
    websocket.on('error', this.#listeners.error);
    websocket.on('close', this.#listeners.close);
  }

  /** Handles a message. */
  handleMessage(data: RawData, isBinary: boolean): void {
    // With the default `binaryType` every message is one Buffer.
    if (Buffer.isBuffer(data) && this.#closedBy === undefined) {
      this.#handler?.onMessage(data, isBinary);
    }
  }

  /** Answers a ping, unless too much output is pending. */
  handlePing(data: Buffer): void {
    // A pong may be omitted if a later ping is answered. Source: RFC 6455 5.5.3.
    if (this.#closedBy !== undefined || this.pendingBytes > MAX_PENDING_PONG_BYTES) return;
    writePong(this.#output.writer(), data);
  }

  /** Records why the connection ends. After a protocol violation `ws` has called `close` before this. */
  handleError({ code }: NodeJS.ErrnoException): void {
    // `ws` has a code for every protocol violation; other errors are network errors.
    if (code?.startsWith('WS_ERR_')) {
      this.#closedBy ??= ClosedBy.Protocol;
      const sent = closeCodeOf(code);
      this.#sentClose ??= { code: sent, reason: this.reasonOf(sent) };
      if (sent === CloseCode.MessageTooBig) this.#limits.messageTooBig += 1;
    }
  }

  /** Reason of the close frame for a protocol violation. */
  reasonOf(code: number | undefined): string {
    return code === CloseCode.MessageTooBig ? this.#tooBigReason : '';
  }

  /** Handles the end of the connection. */
  handleClose(code: number, reason: Buffer): void {
    this.#output.discard();
    const by = this.#closedBy ?? ClosedBy.Client;
    // `ws` reports 1006 if the client does not answer the close frame; the code that the gateway sent says more.
    this.#end({ by, ...(this.#sentClose ?? { code, reason: reason.toString() }) });
  }

  /** Calls `onClose` of the handler, once. */
  #end(closure: ClientClosure): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose(closure);
  }

  sendFrame(frame: Buffer): void {
    this.#output.append(this.#deflater === undefined ? frame : this.#deflater.deflate(frame));
  }

  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    if (this.#deflater !== undefined) {
      this.#sendDeflated(this.#deflater, source.subarray(start, end), isBinary);
      return;
    }
    const writer = this.#output.writer();
    writeFrameHeader(writer, end - start, isBinary);
    writer.writeBytes(source, start, end);
  }

  #sendDeflated(deflater: FrameDeflater, payload: Buffer, isBinary: boolean): void {
    const writer = new ByteWriter();
    writeFrameHeader(writer, payload.length, isBinary);
    writer.writeBytes(payload);
    this.#output.append(deflater.deflate(writer.buffer.subarray(0, writer.length)));
  }

  flush(): void {
    this.#output.flush();
  }

  ping(): void {
    this.#output.append(pingFrame);
  }

  setPaused(isPaused: boolean): void {
    if (isPaused) this.#websocket.pause();
    else this.#websocket.resume();
    this.#inflateGate?.setPaused(isPaused);
  }

  close(by: ClosedBy, code: number, reason: string): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = by;
    this.#sentClose = { code, reason };
    // A paused socket would not read the close frame of the client.
    this.setPaused(false);
    if (by === ClosedBy.Overflow) this.#output.discard();
    else this.#output.flushNow();
    this.#websocket.close(code, reason);
  }

  destroy(by: ClosedBy): void {
    this.#closedBy ??= by;
    this.#output.discard();
    this.#websocket.terminate();
  }

  fail(): void {
    const { by, code, reason } = ServerClosure.InternalError;
    if (this.#websocket.readyState === WebSocket.CLOSED) {
      this.#end({ by, ...(this.#sentClose ?? { code, reason }) });
    } else if (this.#closedBy !== undefined) {
      this.destroy(this.#closedBy);
    } else {
      try {
        this.close(by, code, reason);
      } catch (error) {
        this.destroy(by);
        throw error;
      }
    }
  }

  release(): ReleasedSocket | ReleaseRefusal {
    const websocket = this.#websocket;
    if (this.#deflater !== undefined || !hasHandle(this.#socket)) return 'never';
    const isOpen = this.#closedBy === undefined && websocket.readyState === WebSocket.OPEN;
    this.#output.flush();
    const unparsed = readUnparsed(websocket);
    if (!isOpen || unparsed === undefined || this.pendingBytes > 0) return 'later';
    const { bytesRead, bytesWritten } = this;
    // `ws` cleans up when the socket closes, and must not call the handler.
    const handler = this.#handler;
    this.#handler = undefined;
    websocket.client = undefined;
    const taken = takeHandle(this.#socket);
    if (taken === undefined) return 'never';
    const unread = Buffer.concat([...unparsed, ...taken.unread]);
    return { handle: taken.handle, unread, bytesRead, bytesWritten, handler };
  }
}

/** Returns the close code that `ws` sends for a protocol violation. Source: RFC 6455 7.4.1. */
function closeCodeOf(code: string): number {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return CloseCode.MessageTooBig;
  // A length above 2^53 - 1 exceeds any limit.
  if (code === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH') return CloseCode.MessageTooBig;
  if (code === 'WS_ERR_INVALID_UTF8') return CloseCode.InvalidPayload;
  if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') return CloseCode.PolicyViolation;
  return CloseCode.ProtocolError;
}
