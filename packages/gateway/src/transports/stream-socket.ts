import type { Socket } from 'node:net';
import { type FlushScheduler, GatheredSocket, type Logger, toError } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { LimitCounters } from '../limit-counters.ts';
import type { AcceptedSocket } from './accepted-socket.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { MessageTooBigError, type StreamProtocol } from './stream-protocol.ts';
import type { ClientSocket, ClientSocketHandler } from './transport.ts';

/** Time a client has to close its side when the gateway closes, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;

/** What a client of a byte stream has in common with the others of its listener. */
export interface StreamSocketOptions {
  readonly listenPort: number;
  readonly protocol: StreamProtocol;
  readonly maxMessageBytes: number;
  readonly scheduler: FlushScheduler;
  readonly limits: LimitCounters;
  readonly logger: Logger;
}

/** One client whose messages lie in a byte stream. */
export class StreamSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly request = undefined;
  readonly packedRequest = undefined;
  readonly #options: StreamSocketOptions;
  readonly #socket: Socket;
  readonly #output: GatheredSocket;
  readonly #decoder: StreamDecoder;
  #handler: ClientSocketHandler | undefined;
  #closedBy: ClosedBy | undefined;
  #isPaused = false;
  #isDecoding = false;

  constructor({ socket, remoteAddress, remotePort }: AcceptedSocket, options: StreamSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#output = new GatheredSocket(socket, options.scheduler);
    this.#decoder = new StreamDecoder(options.protocol, options.maxMessageBytes);
  }

  get listenPort(): number {
    return this.#options.listenPort;
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Passes on what the client sends, from now on. */
  start(handler: ClientSocketHandler): void {
    this.#handler = handler;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      if (this.#closedBy !== undefined) return;
      this.#decoder.append(chunk);
      this.#decode();
    });
    // Whatever goes wrong ends in `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#output.discard();
      const by = this.#closedBy ?? ClosedBy.Client;
      handler.onClose({ by, code: undefined, reason: undefined });
    });
  }

  sendFrame(frame: Buffer): void {
    this.#output.append(frame);
  }

  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const { protocol, logger } = this.#options;
    try {
      protocol.encode(this.#output.writer(), source.subarray(start, end), isBinary);
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, 'a message could not be encoded');
    }
  }

  flush(): void {
    this.#output.flush();
  }

  ping(): void {
    // A byte stream has no bytes that mean nothing.
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) {
      this.#socket.pause();
      return;
    }
    // What came before the pause goes first.
    this.#decode();
    if (!this.#isPaused) this.#socket.resume();
  }

  close(by: ClosedBy): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = by;
    // A paused socket would never see that the client closes too.
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

  #decode(): void {
    // A message that makes the gateway read on must not start a second walk.
    if (this.#isDecoding) return;
    this.#isDecoding = true;
    try {
      while (!this.#isPaused && this.#closedBy === undefined) {
        const message = this.#decoder.next();
        if (message === undefined) break;
        this.#handler?.onMessage(message.payload, message.isBinary);
      }
    } catch (thrown) {
      this.#fail(thrown);
    } finally {
      this.#isDecoding = false;
    }
  }

  #fail(thrown: unknown): void {
    const { limits, logger } = this.#options;
    const isTooBig = thrown instanceof MessageTooBigError;
    if (isTooBig) limits.messageTooBig += 1;
    const reason = isTooBig ? 'a message is too long' : toError(thrown).message;
    logger.debug({ remoteAddress: this.remoteAddress, reason }, 'client broke its protocol');
    this.close(ClosedBy.Protocol);
  }
}
