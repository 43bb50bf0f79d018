import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FlushScheduler } from '@gatewayworker/core';
import { ByteWriter } from '@gatewayworker/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type AcceptedSocket,
  ClientListener,
  type ClientListenerOptions,
} from './client-listener.ts';
import { ConnectionsPerAddress } from './connections-per-address.ts';
import { FrameDeflater } from './frame-deflater.ts';
import { OriginList } from './origin-list.ts';
import type { Refusal, Transport, TransportHandler } from './transport.ts';
import { writeFrameHeader } from './websocket-frame.ts';
import { readRequest, WebsocketSocket } from './websocket-socket.ts';

/** Time a client has to answer a close frame, in milliseconds; then its socket is closed for it. */
const CLOSE_TIMEOUT_MS = 5000;

/** Payloads shorter than this are not compressed, in bytes. */
const DEFAULT_DEFLATE_THRESHOLD = 1024;

/** Compression of messages. */
export interface DeflateOptions {
  /** Messages shorter than this are sent as they are, in bytes. @default 1024 */
  readonly threshold?: number;
}

/** What the websocket listener needs. */
export interface WebsocketTransportOptions extends ClientListenerOptions {
  readonly maxMessageBytes: number;
  readonly maxConnectionsPerIp: number;
  readonly perMessageDeflate: boolean | DeflateOptions;
  readonly subprotocols: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly scheduler: FlushScheduler;
}

/**
 * The websocket listener (RFC 6455).
 *
 * `ws` does the handshake, reads frames, and answers pings and closes. Data frames to clients do not
 * pass through it: they are gathered, so that what one turn of the event loop sends to a client
 * leaves in one write.
 */
export class WebsocketTransport implements Transport {
  readonly #options: WebsocketTransportOptions;
  readonly #listener: ClientListener;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #accepted = new WeakMap<Duplex, AcceptedSocket>();
  readonly #perAddress: ConnectionsPerAddress;
  readonly #origins: OriginList;
  readonly #deflater: FrameDeflater | undefined;
  #handler: TransportHandler | undefined;

  constructor(options: WebsocketTransportOptions) {
    this.#options = options;
    const { perMessageDeflate, subprotocols } = options;
    this.#perAddress = new ConnectionsPerAddress(options.maxConnectionsPerIp);
    this.#origins = new OriginList(options.allowedOrigins);
    if (perMessageDeflate !== false) {
      const { threshold = DEFAULT_DEFLATE_THRESHOLD } =
        perMessageDeflate === true ? {} : perMessageDeflate;
      this.#deflater = new FrameDeflater(threshold);
    }
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      // Pongs are gathered with everything else that a client gets.
      autoPong: false,
      // Without context takeover a frame is compressed once for all, and no client keeps a window.
      perMessageDeflate: this.#deflater !== undefined && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
      },
      maxPayload: options.maxMessageBytes,
      // A subprotocol that is not in the list is not chosen; the handshake goes on without one.
      handleProtocols: (offered: Set<string>) =>
        [...offered].find((name) => subprotocols.includes(name)) ?? false,
      // Known to ws since 8.19, but not to its type declarations.
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#websockets = new WebSocketServer(serverOptions);
    // Fed by the listener; it bounds the time of a handshake, so this server need not.
    this.#http = createServer((_request, response) => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' });
      response.end('This port speaks websocket.\n');
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#listener = new ClientListener(options, (accepted) => {
      accepted.onTimeout = () => refuse(accepted.socket, timeout);
      this.#accepted.set(accepted.socket, accepted);
      this.#http.emit('connection', accepted.socket);
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  async listen(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    await this.#listener.listen();
  }

  frame(payload: Buffer, isBinary: boolean): Buffer {
    const writer = new ByteWriter();
    writeFrameHeader(writer, payload.length, isBinary);
    writer.writeBytes(payload);
    return writer.buffer.subarray(0, writer.length);
  }

  stopAccepting(): void {
    this.#listener.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const accepted = this.#accepted.get(socket);
    if (accepted === undefined) return;
    // Kept for the handshake only: an idle client should cost little.
    this.#accepted.delete(socket);
    accepted.settle();
    // Until the websocket takes the socket over, an error here is the client's own.
    socket.on('error', ignoreError);
    const handshake = readRequest(request);
    const remoteAddress = this.#options.trustedProxies.clientOf(
      accepted.remoteAddress,
      handshake.headers['x-forwarded-for'],
    );
    // The port of a client that came by an HTTP proxy is not known.
    const isForwarded = remoteAddress !== accepted.remoteAddress;
    const origin = { remoteAddress, remotePort: isForwarded ? 0 : accepted.remotePort };
    const refusal = this.#refusal(request, accepted, remoteAddress);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    this.#handler?.admit({ ...origin, request: handshake }, (decision) => {
      if (socket.destroyed) return;
      if (!decision.isAccepted) {
        refuse(socket, decision);
        return;
      }
      this.#websockets.handleUpgrade(request, socket, head, (websocket: WebSocket) => {
        socket.off('error', ignoreError);
        const client = new WebsocketSocket(websocket, accepted.socket, {
          ...origin,
          request: handshake,
          listenPort: this.port,
          scheduler: this.#options.scheduler,
          limits: this.#options.limits,
          deflater: websocket.extensions === '' ? undefined : this.#deflater,
        });
        client.start(decision.onClient(client));
      });
    });
  }

  #refusal(
    request: IncomingMessage,
    { socket }: AcceptedSocket,
    remoteAddress: string,
  ): Refusal | undefined {
    const { limits } = this.#options;
    if (!this.#origins.allows(request.headers.origin)) {
      limits.origin += 1;
      return { isAccepted: false, status: 403, reason: 'this origin is not allowed' };
    }
    if (this.#perAddress.take(remoteAddress, socket)) return undefined;
    limits.connectionsPerIp += 1;
    return { isAccepted: false, status: 429, reason: 'too many connections from this address' };
  }
}

const timeout: Refusal = { isAccepted: false, status: 408, reason: 'the handshake took too long' };

function ignoreError(): void {
  // The socket closes by itself.
}

function refuse(socket: Duplex, refusal: Refusal): void {
  const { status, reason } = refusal;
  const body = `${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n` +
      `Connection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
