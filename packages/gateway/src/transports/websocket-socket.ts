import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type FlushScheduler, GatheredSocket, toError } from '@gatewayworker/core';
import { type ClientRequest, ClosedBy } from '@gatewayworker/protocol';
import type { RawData, WebSocket } from 'ws';
import type { ClientSocket, ClientSocketHandler } from './transport.ts';
import { pingFrame, writeFrameHeader } from './websocket-frame.ts';

/** What a websocket client has in common with the others of its listener. */
export interface WebsocketSocketOptions {
  readonly listenPort: number;
  readonly scheduler: FlushScheduler;
}

/** One websocket client. */
export class WebsocketSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  readonly request: ClientRequest;
  readonly #websocket: WebSocket;
  readonly #socket: Socket;
  readonly #output: GatheredSocket;
  /** Why the connection ends, when it is not the client that ends it. */
  #closedBy: ClosedBy | undefined;

  constructor(
    websocket: WebSocket,
    request: IncomingMessage,
    handshake: ClientRequest,
    options: WebsocketSocketOptions,
  ) {
    this.#websocket = websocket;
    this.#socket = request.socket;
    this.#output = new GatheredSocket(request.socket, options.scheduler);
    this.listenPort = options.listenPort;
    this.remoteAddress = request.socket.remoteAddress ?? '';
    this.remotePort = request.socket.remotePort ?? 0;
    this.request = handshake;
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  /** Passes on what the client sends, from now on. */
  start(handler: ClientSocketHandler): void {
    const websocket = this.#websocket;
    websocket.on('message', (data: RawData, isBinary: boolean) => {
      // With the default `binaryType` every message is one Buffer.
      if (Buffer.isBuffer(data) && this.#closedBy === undefined) handler.onMessage(data, isBinary);
    });
    websocket.on('error', (error) => {
      if (isProtocolError(error)) this.#closedBy ??= ClosedBy.Protocol;
    });
    websocket.on('close', (code, reason) => {
      this.#output.discard();
      const by = this.#closedBy ?? ClosedBy.Client;
      handler.onClose({ by, code, reason: reason.toString() });
    });
  }

  sendFrame(frame: Buffer): void {
    this.#output.append(frame);
  }

  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const writer = this.#output.writer();
    writeFrameHeader(writer, end - start, isBinary);
    writer.writeBytes(source, start, end);
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
  }

  close(by: ClosedBy, code: number, reason: string): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = by;
    // A paused socket would never see the client's answer to the close frame.
    this.#websocket.resume();
    if (by === ClosedBy.Overflow) this.#output.discard();
    else this.#output.flushNow();
    this.#websocket.close(code, reason);
  }

  destroy(by: ClosedBy): void {
    this.#closedBy ??= by;
    this.#output.discard();
    this.#websocket.terminate();
  }
}

/** `ws` names every violation of the protocol by a code of its own; anything else is the network's. */
function isProtocolError(error: unknown): boolean {
  const { code }: NodeJS.ErrnoException = toError(error);
  return code?.startsWith('WS_ERR_') ?? false;
}

/** The parts of a handshake that applications see. */
export function readRequest(request: IncomingMessage): ClientRequest {
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return { url: request.url ?? '/', headers: Object.fromEntries(headers) };
}
