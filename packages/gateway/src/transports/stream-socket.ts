import type { Socket } from 'node:net';
import { CoalescingWriter, type FlushScheduler, type Logger, toError } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { AcceptedSocket } from './accepted-socket.ts';
import type { ProtocolFailures } from './protocol-failures.ts';
import { hasHandle, takeHandle } from './socket-handle.ts';
import { StreamDecoder } from './stream-decoder.ts';
import {
  MessageTooBigError,
  type StreamMessage,
  type StreamProtocol,
  StreamProtocolError,
} from './stream-protocol.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  ReleasedSocket,
  ReleaseRefusal,
} from './transport.ts';

/** Time for a client to close its side after the gateway has closed, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;

const protocolViolation = 'client violated its protocol';

/** Options that the stream clients of a listener share, and the state of a moved one. */
export interface StreamSocketOptions {
  readonly listenPort: number;
  readonly protocol: StreamProtocol;
  readonly maxMessageBytes: number;
  readonly scheduler: FlushScheduler;
  readonly failures: ProtocolFailures;
  readonly limits: LimitCounters;
  readonly logger: Logger;
  /** State from the predecessor; `undefined` for a client that this process has admitted. */
  readonly before?: Pick<ReleasedSocket, 'unread' | 'bytesRead' | 'bytesWritten'>;
}

/** A client with a stream protocol. */
export class StreamSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly request = undefined;
  readonly packedRequest = undefined;
  readonly #options: StreamSocketOptions;
  readonly #socket: Socket;
  readonly #output: CoalescingWriter;
  readonly #decoder: StreamDecoder;
  /** `#decodeAll`; an exception closes the client. */
  readonly #decode: () => void;

  #handler: ClientSocketHandler | undefined;
  #closedBy: ClosedBy | undefined;
  #isPaused = false;
  #isDecoding = false;

  constructor(
    {
      socket,
      remoteAddress,
      remotePort,
    }: Pick<AcceptedSocket, 'socket' | 'remoteAddress' | 'remotePort'>,
    options: StreamSocketOptions,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#output = new CoalescingWriter(socket, options.scheduler, this);
    this.#decoder = new StreamDecoder(options.protocol, options.maxMessageBytes);
    if (options.before !== undefined) this.#decoder.append(options.before.unread);
    const { guard } = options.scheduler;
    this.#decode = guard.wrap(
      'stream message',
      () => this.#decodeAll(),
      () => this.fail(),
    );
  }

  get listenPort(): number {
    return this.#options.listenPort;
  }

  get isRelayed(): boolean {
    return false;
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead + (this.#options.before?.bytesRead ?? 0);
  }

  get bytesWritten(): number {
    const written = this.#socket.bytesWritten - this.#socket.writableLength;
    return written + (this.#options.before?.bytesWritten ?? 0);
  }

  /** Starts to pass messages to the handler. */
  start(handler: ClientSocketHandler): void {
    this.#handler = handler;
    const socket = this.#socket;
    const { guard } = this.#options.scheduler;
    const fail = (): void => this.fail();
    const handleData = (chunk: Buffer): void => {
      if (this.#closedBy !== undefined) return;
      this.#decoder.append(chunk);
      this.#decode();
    };
    const handleClose = (): void => {
      this.#output.discard();
      this.#end(this.#closedBy ?? ClosedBy.Client);
    };
    socket.on('data', guard.wrap('stream data', handleData, fail));
    // `close` follows each error.
    socket.on('error', () => undefined);
    socket.on('close', guard.wrap('stream close', handleClose, fail));
  }

  /** Calls `onClose` of the handler, once. */
  #end(by: ClosedBy): void {
    const closure: ClientClosure = { by, code: undefined, reason: undefined };
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose(closure);
  }

  sendFrame(frame: Buffer): void {
    this.#output.append(frame);
  }

  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const { protocol, failures } = this.#options;
    try {
      protocol.encode(this.#output.writer(), source.subarray(start, end), isBinary);
    } catch (thrown) {
      failures.encode(toError(thrown));
    }
  }

  flush(): void {
    this.#output.flush();
  }

  ping(): void {
    // Stream protocols have no ping.
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) {
      this.#socket.pause();
      return;
    }
    // Bytes that were received before the pause go first.
    this.#decode();
    if (!this.#isPaused) this.#socket.resume();
  }

  close(by: ClosedBy): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = by;
    // A paused socket would not read the end of the stream.
    this.#socket.resume();
    if (by === ClosedBy.Overflow) this.#output.discard();
    else this.#output.flushNow();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  destroy(by: ClosedBy): void {
    this.#closedBy ??= by;
    this.#output.discard();
    this.#socket.destroy();
  }

  fail(): void {
    if (this.#socket.closed) this.#end(this.#closedBy ?? ClosedBy.Server);
    else this.destroy(ClosedBy.Server);
  }

  release(): ReleasedSocket | ReleaseRefusal {
    if (!hasHandle(this.#socket)) return 'never';
    this.#output.flush();
    if (this.#closedBy !== undefined || this.pendingBytes > 0) return 'later';
    const { bytesRead, bytesWritten } = this;
    const handler = this.#handler;
    this.#handler = undefined;
    const taken = takeHandle(this.#socket);
    if (taken === undefined) return 'never';
    const unread = Buffer.concat([this.#decoder.rest, ...taken.unread]);
    return { handle: taken.handle, unread, bytesRead, bytesWritten, handler };
  }

  #decodeAll(): void {
    // `setPaused(false)` during `onMessage` must not start a second loop.
    if (this.#isDecoding) return;
    this.#isDecoding = true;
    try {
      while (!this.#isPaused && this.#closedBy === undefined) {
        const message = this.#next();
        if (message === undefined) break;
        const { payload, isBinary } = message;
        this.#handler?.onMessage(payload, 0, payload.length, isBinary);
      }
    } finally {
      this.#isDecoding = false;
    }
  }

  /** Returns the next complete message. Closes the client if decoding fails. */
  #next(): StreamMessage | undefined {
    try {
      return this.#decoder.next();
    } catch (thrown) {
      const { limits, logger, failures } = this.#options;
      const { remoteAddress } = this;
      if (thrown instanceof MessageTooBigError) {
        limits.messageTooBig += 1;
        logger.debug({ remoteAddress, reason: 'a message is too long' }, protocolViolation);
      } else if (thrown instanceof StreamProtocolError) {
        logger.debug({ remoteAddress, reason: thrown.message }, protocolViolation);
      } else {
        failures.decode(toError(thrown), remoteAddress);
      }
      this.close(ClosedBy.Protocol);
      return undefined;
    }
  }
}
