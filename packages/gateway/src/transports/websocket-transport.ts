import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { SUBPROTOCOL } from '@gatewayworker/client-protocol';
import type { Guard } from '@gatewayworker/core';
import { ByteWriter, type ClientRequest, packValue } from '@gatewayworker/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { AcceptedSocket } from './accepted-socket.ts';
import { ClientListener, type ClientListenerOptions } from './client-listener.ts';
import { ClientWebSocket } from './client-websocket.ts';
import { chooseDeflateOffer, formatDeflateOffer } from './deflate-offer.ts';
import { FrameDeflater } from './frame-deflater.ts';
import { OriginList } from './origin-list.ts';
import { openHandle } from './socket-handle.ts';
import type {
  Admission,
  ClientCandidate,
  ClientSocket,
  ClientSocketHandler,
  MovedSocket,
  Refusal,
  Transport,
  TransportHandler,
} from './transport.ts';
import { writeFrameHeader } from './websocket-frame.ts';
import {
  checkHandshake,
  formatAcceptance,
  formatRefusal,
  type HandshakeRefusal,
  offeredSubprotocols,
  readRequest,
} from './websocket-handshake.ts';
import { createListeners } from './websocket-listeners.ts';
import { type WebsocketContext, WebsocketSocket } from './websocket-socket.ts';

/** Time for a client to answer a close frame, in milliseconds; then its socket is closed. */
const CLOSE_TIMEOUT_MS = 5000;

/** Longest header block of a handshake, in bytes; a longer one is refused with 431. */
const MAX_HEADER_BYTES = 16_384;

/** Window for a client that sets no limit, as a power of two. */
const MAX_WINDOW_BITS = 15;

const noBytes = Buffer.alloc(0);

/** Payloads shorter than this are not compressed, in bytes. */
const DEFAULT_DEFLATE_THRESHOLD = 1024;

/** Options of permessage-deflate. */
export interface DeflateOptions {
  /** Shorter messages are not compressed, in bytes. @default 1024 */
  readonly threshold?: number;
}

/** Options and dependencies of the websocket transport. */
export interface WebsocketTransportOptions extends ClientListenerOptions {
  readonly maxMessageBytes: number;
  readonly perMessageDeflate: boolean | DeflateOptions;
  readonly subprotocols: readonly string[];
  /** True when clients may use the client protocol. */
  readonly isResumable: boolean;
  readonly allowedOrigins: readonly string[];
}

/**
 * The transport for websocket clients (RFC 6455).
 *
 * `ws` negotiates compression, parses what `readWholeFrames` does not, and closes connections. Data frames and pongs to
 * clients bypass it: they are coalesced, so that the output of one turn of the event loop is one write per client.
 */
export class WebsocketTransport implements Transport {
  readonly #options: WebsocketTransportOptions;
  readonly #guard: Guard;
  readonly #listener: ClientListener;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #accepted = new WeakMap<Duplex, AcceptedSocket>();
  readonly #origins: OriginList;
  readonly #subprotocols: readonly string[];
  readonly #context: WebsocketContext;
  /** Payloads shorter than this are not compressed, in bytes; `undefined` compresses nothing. */
  readonly #deflateThreshold: number | undefined;
  /** By the window size of their clients. */
  readonly #deflaters = new Map<number, FrameDeflater>();
  #handler: TransportHandler | undefined;

  constructor(options: WebsocketTransportOptions) {
    this.#options = options;
    const { perMessageDeflate, subprotocols } = options;
    const { guard } = options.scheduler;
    this.#guard = guard;
    this.#origins = new OriginList(options.allowedOrigins);
    this.#subprotocols = subprotocols;
    if (perMessageDeflate !== false) {
      const { threshold = DEFAULT_DEFLATE_THRESHOLD } =
        perMessageDeflate === true ? {} : perMessageDeflate;
      this.#deflateThreshold = threshold;
    }
    const serverOptions = {
      noServer: true,
      WebSocket: ClientWebSocket,
      clientTracking: false,
      // Pongs are coalesced with the other output of a client.
      autoPong: false,
      // Without context takeover a frame is compressed once for all clients, and no client keeps a window.
      perMessageDeflate: this.#deflateThreshold !== undefined && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
      },
      maxPayload: options.maxMessageBytes,
      handleProtocols: (offered: Set<string>) => this.#chooseSubprotocol([...offered]) ?? false,
      // Supported since ws 8.19, but missing in its type declarations.
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#websockets = new WebSocketServer(serverOptions);
    this.#context = {
      scheduler: options.scheduler,
      listeners: createListeners(guard),
      limits: options.limits,
      maxMessageBytes: options.maxMessageBytes,
      tooBigReason: `a message is longer than ${options.maxMessageBytes} bytes`,
      websocketOptions: this.#websockets.options,
    };
    // This server does not listen. `ClientListener` passes it connections, and bounds their handshake time.
    const answer = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' });
      response.end('This port speaks websocket.\n');
    };
    this.#http = createServer(
      { maxHeaderSize: MAX_HEADER_BYTES },
      guard.wrap('client request', answer, (_error, _request, response) => response.destroy()),
    );
    // By default Node.js drops headers after the first 2,000, which may include those of the proxy.
    this.#http.maxHeadersCount = 0;
    this.#http.on(
      'upgrade',
      guard.wrap(
        'client upgrade',
        (request: IncomingMessage, socket: Duplex, head: Buffer) =>
          this.#upgrade(request, socket, head),
        (_error, _request, socket) => this.#fail(socket),
      ),
    );
    this.#listener = new ClientListener(options, {
      isHttp: true,
      refusal: formatRefusal(overloaded),
      onSocket: (accepted) => {
        accepted.onTimeout = () => {
          // Ignore the rest of the handshake.
          this.#accepted.delete(accepted.socket);
          accepted.refuse(formatRefusal(timeout));
        };
        accepted.onFailure = () => accepted.refuse(formatRefusal(failed));
        this.#accepted.set(accepted.socket, accepted);
        this.#http.emit('connection', accepted.socket);
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get handshakes(): number {
    return this.#listener.handshakes;
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

  adopt(moved: MovedSocket, handler: ClientSocketHandler): ClientSocket {
    const { packedRequest = packValue(undefined), bytesRead, bytesWritten } = moved;
    const socket = openHandle(moved.handle);
    this.#listener.adopt(socket, moved.remoteAddress);
    // Not `moved` itself, which would keep the unread bytes.
    const info = { ...moved, packedRequest, before: { bytesRead, bytesWritten } };
    const client = new WebsocketSocket(socket, info, this.#context);
    client.start(handler, moved.unread);
    return client;
  }

  stopListening(): void {
    this.#listener.stopListening();
  }

  stopAccepting(): void {
    this.#listener.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const accepted = this.#accepted.get(socket);
    if (accepted === undefined) return;
    const handshake = readRequest(request);
    const remoteAddress = this.#options.trustedProxies.clientOf(
      accepted.remoteAddress,
      handshake.headers['x-forwarded-for'],
    );
    // The port of a client behind an HTTP proxy is unknown.
    const isForwarded = remoteAddress !== accepted.remoteAddress;
    const remotePort = isForwarded ? 0 : accepted.remotePort;
    const candidate = { remoteAddress, remotePort, request: handshake };
    const refusal = this.#refusal(request, accepted, remoteAddress);
    accepted.stopTimer();
    if (refusal !== undefined) {
      accepted.refuse(formatRefusal(refusal));
      return;
    }
    const complete = (onClient: AdmittedHandshake['onClient']): void =>
      this.#complete(request, head, { accepted, candidate, onClient });
    const handler = this.#handler;
    if (this.#options.isResumable && offeredSubprotocols(request).includes(SUBPROTOCOL)) {
      this.#accepted.delete(socket);
      accepted.settle();
      if (handler !== undefined) complete((connection) => handler.openResumable(connection));
      return;
    }
    const decide = (decision: Admission | Refusal): void => {
      // Needed for the handshake only.
      this.#accepted.delete(socket);
      accepted.settle();
      if (decision.isAccepted) complete((client) => decision.onClient(client));
      else accepted.refuse(formatRefusal(decision));
    };
    handler?.admit(
      candidate,
      this.#guard.wrap('client decision', decide, () => accepted.fail()),
    );
  }

  /** Ends a connection after an exception in its handshake. */
  #fail(socket: Duplex): void {
    const accepted = this.#accepted.get(socket);
    if (accepted === undefined) socket.destroy();
    else accepted.fail();
  }

  /** Answers the handshake of an admitted client. */
  #complete(
    request: IncomingMessage,
    head: Buffer,
    { accepted, candidate, onClient }: AdmittedHandshake,
  ): void {
    const { socket } = accepted;
    const packedRequest = packValue(candidate.request);
    const info = { ...candidate, packedRequest, listenPort: this.port };
    const deflater = this.#negotiate(request);
    if (deflater === undefined) {
      if (!socket.readable || !socket.writable) {
        socket.destroy();
        return;
      }
      // The handshake is answered, so a refusal is no longer possible.
      accepted.onFailure = undefined;
      const subprotocol = this.#chooseSubprotocol(offeredSubprotocols(request));
      socket.write(formatAcceptance(request, subprotocol));
      const client = new WebsocketSocket(socket, info, this.#context);
      client.start(onClient(client), head);
      return;
    }
    let isOpen = false;
    this.#websockets.handleUpgrade(request, socket, head, (websocket: WebSocket) => {
      // Always true: the server option sets the class, but the types of `ws` do not reflect it.
      if (!(websocket instanceof ClientWebSocket)) return;
      isOpen = true;
      accepted.onFailure = undefined;
      const compression = { deflater, websocket };
      const client = new WebsocketSocket(socket, { ...info, compression }, this.#context);
      client.start(onClient(client), noBytes);
    });
    if (!isOpen) accepted.destroySoon();
  }

  /**
   * Chooses the client protocol, or the first offered subprotocol that the gateway has. Without a match the handshake
   * succeeds without one.
   */
  #chooseSubprotocol(offered: readonly string[]): string | undefined {
    if (this.#options.isResumable && offered.includes(SUBPROTOCOL)) return SUBPROTOCOL;
    return offered.find((name) => this.#subprotocols.includes(name));
  }

  /** Negotiates compression: leaves only the accepted offer in the headers for `ws`. */
  #negotiate({ headers }: IncomingMessage): FrameDeflater | undefined {
    const offered = headers['sec-websocket-extensions'];
    if (offered === undefined) return undefined;
    delete headers['sec-websocket-extensions'];
    const offer = chooseDeflateOffer(offered);
    if (this.#deflateThreshold === undefined || offer === undefined) return undefined;
    headers['sec-websocket-extensions'] = formatDeflateOffer(offer);
    const { windowBits = MAX_WINDOW_BITS } = offer;
    const known = this.#deflaters.get(windowBits);
    if (known !== undefined) return known;
    const deflater = new FrameDeflater(this.#deflateThreshold, windowBits);
    this.#deflaters.set(windowBits, deflater);
    return deflater;
  }

  #refusal(
    request: IncomingMessage,
    accepted: AcceptedSocket,
    remoteAddress: string,
  ): HandshakeRefusal | undefined {
    if (accepted.isOverLimit) return tooMany;
    const refusal = checkHandshake(request);
    if (refusal !== undefined) return refusal;
    if (!this.#origins.allows(request.headers.origin)) {
      this.#options.limits.origin += 1;
      return { isAccepted: false, status: 403, reason: 'this origin is not allowed' };
    }
    return accepted.take(remoteAddress) ? undefined : tooMany;
  }
}

/** An admitted client before its handshake is answered. */
interface AdmittedHandshake {
  readonly accepted: AcceptedSocket;
  readonly candidate: ClientCandidate & { readonly request: ClientRequest };
  readonly onClient: (client: WebsocketSocket) => ClientSocketHandler;
}

const timeout = {
  isAccepted: false,
  status: 408,
  reason: 'the handshake took too long',
} as const;

const failed = {
  isAccepted: false,
  status: 500,
  reason: 'internal error',
} as const;

const overloaded = {
  isAccepted: false,
  status: 503,
  reason: 'too many connections',
} as const;

const tooMany = {
  isAccepted: false,
  status: 429,
  reason: 'too many connections from this address',
} as const;
