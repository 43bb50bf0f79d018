import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { boundPort, type FlushScheduler, type Logger, listen } from '@gatewayworker/core';
import { ByteWriter } from '@gatewayworker/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ListenAddress } from '../options.ts';
import type { Refusal, Transport, TransportHandler } from './transport.ts';
import { writeFrameHeader } from './websocket-frame.ts';
import { readRequest, WebsocketSocket } from './websocket-socket.ts';

/** Time a client has to answer a close frame, in milliseconds; then its socket is closed for it. */
const CLOSE_TIMEOUT_MS = 5000;

/** Time a client has to send its handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What the websocket listener needs. */
export interface WebsocketTransportOptions {
  readonly address: ListenAddress;
  /** The declaration that wants the port, for errors. */
  readonly owner: string;
  readonly maxMessageBytes: number;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
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
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  #handler: TransportHandler | undefined;

  constructor(options: WebsocketTransportOptions) {
    this.#options = options;
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      // Known to ws since 8.19, but not to its type declarations.
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#websockets = new WebSocketServer(serverOptions);
    const limits = { headersTimeout: HANDSHAKE_TIMEOUT_MS, requestTimeout: HANDSHAKE_TIMEOUT_MS };
    this.#http = createServer(limits, (_request, response) => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' });
      response.end('This port speaks websocket.\n');
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get port(): number {
    return boundPort(this.#http);
  }

  async listen(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    const { address, owner, logger } = this.#options;
    // Not exclusive: within a cluster all processes of a gateway share the port.
    const { host, port } = address;
    await listen(this.#http, { host, port, exclusive: false }, owner);
    this.#http.on('error', (error) => logger.error({ err: error }, 'client listener failed'));
  }

  frame(payload: Buffer, isBinary: boolean): Buffer {
    const writer = new ByteWriter();
    writeFrameHeader(writer, payload.length, isBinary);
    writer.writeBytes(payload);
    return writer.buffer.subarray(0, writer.length);
  }

  stopAccepting(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the websocket takes the socket over, an error here is the client's own.
    socket.on('error', ignoreError);
    const handshake = readRequest(request);
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    this.#handler?.admit({ remoteAddress, remotePort, request: handshake }, (decision) => {
      if (socket.destroyed) return;
      if (!decision.isAccepted) {
        refuse(socket, decision);
        return;
      }
      this.#websockets.handleUpgrade(request, socket, head, (websocket: WebSocket) => {
        socket.off('error', ignoreError);
        const options = { listenPort: this.port, scheduler: this.#options.scheduler };
        const client = new WebsocketSocket(websocket, request, handshake, options);
        client.start(decision.onClient(client));
      });
    });
  }
}

function ignoreError(): void {
  // The socket closes by itself.
}

function refuse(socket: Duplex, refusal: Refusal): void {
  const { status, reason } = refusal;
  const body = `${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n` +
      `Connection: close\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
