import type { Socket } from 'node:net';
import { CoalescingWriter, type FlushScheduler } from '@gatewayworker/core';
import {
  ByteWriter,
  type ClientRequest,
  CloseCode,
  ClosedBy,
  fromByteString,
  toByteString,
  unpackClientRequest,
} from '@gatewayworker/protocol';
import { type ServerOptions, WebSocket } from 'ws';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import { type ClientWebSocket, createWebSocket, setSocket } from './client-websocket.ts';
import type { FrameDeflater } from './frame-deflater.ts';
import { InflateGate } from './inflate-gate.ts';
import { hasHandle, readAll, takeHandle } from './socket-handle.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  ReleasedSocket,
  ReleaseRefusal,
} from './transport.ts';
import { pingFrame, writeFrameHeader, writePong } from './websocket-frame.ts';
import { type FrameReceiver, readWholeFrames } from './websocket-frame-reader.ts';
import {
  clientOfSocket,
  type SocketOfClient,
  type WebsocketListeners,
} from './websocket-listeners.ts';
import { prependReader, readUnparsed } from './websocket-receiver.ts';

/** Pending bytes past which pings get no pong. */
const MAX_PENDING_PONG_BYTES = 65_536;

/** Reported when a connection ends without a close frame. Source: RFC 6455 7.1.5. */
const ABNORMAL_CLOSURE = 1006;

const noReason = Buffer.alloc(0);

/** A connection that carries the client protocol. */
export interface PrefixedSocket extends ClientSocket {
  /** Sends one binary message: a header, which may change after the call, and `source[start, end)`. */
  sendPrefixed(header: Buffer, source: Buffer, start: number, end: number): void;
}

/** State that the websocket clients of a listener share. */
export interface WebsocketContext {
  readonly scheduler: FlushScheduler;
  readonly listeners: WebsocketListeners;
  readonly limits: LimitCounters;
  /** Longest message, in bytes. */
  readonly maxMessageBytes: number;
  /** Reason of the close frame for a message that is too long; at most 123 bytes. */
  readonly tooBigReason: string;
  /** Options of the websockets of `ws`. */
  readonly websocketOptions: ServerOptions;
}

/** Properties of one websocket client. */
export interface WebsocketSocketInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  /** The handshake as msgpack. */
  readonly packedRequest: Buffer;
  /** Byte counts from the predecessor; `undefined` for a client that this process has admitted. */
  readonly before?: Pick<ReleasedSocket, 'bytesRead' | 'bytesWritten'>;
  /** Set when the client has negotiated compression, and then with the websocket of `ws`. */
  readonly compression?: { readonly deflater: FrameDeflater; readonly websocket: ClientWebSocket };
}

/**
 * One websocket client.
 *
 * It reads short messages, pings and pongs itself. The first other frame, or a close by this side, creates a websocket of
 * `ws`, which then has the connection. Most clients never need one before they end, which saves memory.
 */
export class WebsocketSocket implements PrefixedSocket, FrameReceiver {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  /** See `FrameReceiver`. */
  isReading = true;
  readonly #context: WebsocketContext;
  /** As msgpack in a byte string, which uses a fraction of the memory of an object. */
  readonly #packedRequest: string;
  readonly #socket: SocketOfClient;
  readonly #output: CoalescingWriter;
  readonly #deflater: FrameDeflater | undefined;
  readonly #inflateGate: InflateGate | undefined;
  readonly #before: WebsocketSocketInfo['before'];

  #websocket: ClientWebSocket | undefined;
  #handler: ClientSocketHandler | undefined;
  /** Who closes the connection, unless the client does. */
  #closedBy: ClosedBy | undefined;
  /** Code and reason of the close frame of this side, if the client has not sent its own before. */
  #sentClose: { readonly code: number; readonly reason: string } | undefined;

  constructor(socket: Socket, info: WebsocketSocketInfo, context: WebsocketContext) {
    this.#socket = socket;
    this.#context = context;
    this.#output = new CoalescingWriter(socket, context.scheduler, this);
    this.remoteAddress = info.remoteAddress;
    this.remotePort = info.remotePort;
    this.listenPort = info.listenPort;
    this.#before = info.before;
    this.#packedRequest = toByteString(info.packedRequest);
    const { compression } = info;
    if (compression === undefined) return;
    this.#deflater = compression.deflater;
    this.#websocket = compression.websocket;
    this.#inflateGate = InflateGate.of(compression.websocket, socket, context.scheduler.guard);
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

  /**
   * Starts to pass messages to the handler.
   *
   * @param unread - received bytes to handle first
   */
  start(handler: ClientSocketHandler, unread: Buffer): void {
    this.#handler = handler;
    const socket = this.#socket;
    if (unread.length > 0) socket.unshift(unread);
    if (this.#websocket !== undefined) {
      // A websocket without compression was opened by a close, and has its listeners.
      if (this.#deflater !== undefined) this.#listenTo(this.#websocket);
      return;
    }
    const { data, end, error, close } = this.#context.listeners.socket;
    socket[clientOfSocket] = this;
    socket.on('end', end);
    socket.on('error', error);
    socket.on('close', close);
    socket.on('data', data);
  }

  #listenTo(websocket: ClientWebSocket): void {
    const { message, ping, error, close } = this.#context.listeners.websocket;
    websocket.client = this;
    websocket.on('message', message);
    websocket.on('ping', ping);
    websocket.on('error', error);
    websocket.on('close', close);
  }

  /** Returns the websocket of `ws`. The first call creates it, and passes it the connection. */
  #openWebsocket(): ClientWebSocket {
    if (this.#websocket !== undefined) return this.#websocket;
    const socket = this.#socket;
    const { listeners, websocketOptions, maxMessageBytes } = this.#context;
    const { data, end, error, close } = listeners.socket;
    socket.off('data', data);
    socket.off('end', end);
    socket.off('error', error);
    socket.off('close', close);
    const websocket = createWebSocket(websocketOptions);
    this.#websocket = websocket;
    this.isReading = false;
    this.#listenTo(websocket);
    setSocket(websocket, socket, websocketOptions);
    if (socket.isPaused()) websocket.pause();
    prependReader(websocket, (chunk) => {
      this.isReading = true;
      return readWholeFrames(chunk, maxMessageBytes, this);
    });
    return websocket;
  }

  /** Handles received bytes. */
  handleData(chunk: Buffer): void {
    const length = readWholeFrames(chunk, this.#context.maxMessageBytes, this);
    const socket = this.#socket;
    if (length === chunk.length || socket.destroyed) return;
    this.#openWebsocket();
    socket.unshift(chunk.subarray(length));
  }

  /** See `FrameReceiver`. */
  handleMessage(chunk: Buffer, start: number, end: number, isBinary: boolean): void {
    this.#context.listeners.message(this, chunk, start, end, isBinary);
  }

  /** See `FrameReceiver`. */
  handlePing(data: Buffer): void {
    this.#context.listeners.ping(this, data);
  }

  /** Passes a message to the handler. */
  receiveMessage(chunk: Buffer, start: number, end: number, isBinary: boolean): void {
    if (this.#closedBy === undefined) this.#handler?.onMessage(chunk, start, end, isBinary);
  }

  /** Answers a ping, unless too much output is pending. */
  receivePing(data: Buffer): void {
    // A pong may be omitted if a later ping is answered. Source: RFC 6455 5.5.3.
    if (this.#closedBy !== undefined || this.pendingBytes > MAX_PENDING_PONG_BYTES) return;
    writePong(this.#output.writer(), data);
  }

  /** Handles the end of a connection that has no websocket of `ws`. */
  handleSocketClose(): void {
    // Bytes that were received while reading was paused.
    const rest = Buffer.concat(readAll(this.#socket));
    readWholeFrames(rest, this.#context.maxMessageBytes, this);
    this.handleClose(ABNORMAL_CLOSURE, noReason);
  }

  /** Records why the connection ends. After a protocol violation `ws` has called `close` before this. */
  handleError({ code }: NodeJS.ErrnoException): void {
    // `ws` has a code for every protocol violation; other errors are network errors.
    if (code?.startsWith('WS_ERR_')) {
      this.#closedBy ??= ClosedBy.Protocol;
      const sent = closeCodeOf(code);
      this.#sentClose ??= { code: sent, reason: this.reasonOf(sent) };
      if (sent === CloseCode.MessageTooBig) this.#context.limits.messageTooBig += 1;
    }
  }

  /** Reason of the close frame for a protocol violation. */
  reasonOf(code: number | undefined): string {
    return code === CloseCode.MessageTooBig ? this.#context.tooBigReason : '';
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

  sendPrefixed(header: Buffer, source: Buffer, start: number, end: number): void {
    // A browser that gets a frame after the close frame reports 1006 instead of its code.
    if (this.#closedBy !== undefined) return;
    const length = header.length + end - start;
    if (this.#deflater !== undefined) {
      const payload = Buffer.concat([header, source.subarray(start, end)], length);
      this.#sendDeflated(this.#deflater, payload, true);
      return;
    }
    const writer = this.#output.writer();
    writeFrameHeader(writer, length, true);
    writer.writeBytes(header);
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
    const stream = this.#websocket ?? this.#socket;
    if (isPaused) stream.pause();
    else stream.resume();
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
    if (this.#websocket !== undefined || this.#socket.writable) {
      this.#openWebsocket().close(code, reason);
    }
  }

  destroy(by: ClosedBy): void {
    this.#closedBy ??= by;
    this.#output.discard();
    if (this.#websocket === undefined) this.#socket.destroy();
    else this.#websocket.terminate();
  }

  fail(): void {
    const { by, code, reason } = ServerClosure.InternalError;
    if (this.#isClosed) {
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
    const isOpen = this.#closedBy === undefined && this.#isOpen;
    this.#output.flush();
    const unparsed = websocket === undefined ? [] : readUnparsed(websocket);
    if (!isOpen || unparsed === undefined || this.pendingBytes > 0) return 'later';
    const { bytesRead, bytesWritten } = this;
    // The listeners stay until the socket closes, and must not call the handler.
    const handler = this.#handler;
    this.#handler = undefined;
    if (websocket !== undefined) websocket.client = undefined;
    const taken = takeHandle(this.#socket);
    if (taken === undefined) return 'never';
    const unread = Buffer.concat([...unparsed, ...taken.unread]);
    return { handle: taken.handle, unread, bytesRead, bytesWritten, handler };
  }

  /** True until the client has begun to close the connection. */
  get #isOpen(): boolean {
    return this.#websocket === undefined
      ? this.#socket.readable && this.#socket.writable
      : this.#websocket.readyState === WebSocket.OPEN;
  }

  get #isClosed(): boolean {
    return this.#websocket === undefined
      ? this.#socket.closed
      : this.#websocket.readyState === WebSocket.CLOSED;
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
