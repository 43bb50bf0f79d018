import { createServer, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import {
  boundPort,
  type DescriptorReserve,
  type FlushScheduler,
  type Guard,
  type Logger,
  listen,
  type OpenSocket,
  ThrottledLog,
  toError,
} from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { AcceptedSocket, type AcceptedSocketContext } from './accepted-socket.ts';
import { ConnectionsPerAddress } from './connections-per-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { parseProxyHeader } from './proxy-header.ts';
import { peerAddress, type TrustedProxies } from './trusted-proxies.ts';

/** Connections over the limit for clients, of those that are in their handshake or are refused. */
const HANDSHAKE_ROOM = 1024;

/** Connections of one address that are told at a time that it has too many; others are just closed. */
const REFUSED_PER_ADDRESS = 8;

/** Clients that are answered at a time while only the reserve of file descriptors is left; others are just closed. */
const REFUSED_FROM_RESERVE = 16;

/** What the listener needs. */
export interface ClientListenerOptions {
  readonly address: ListenAddress;
  /** Opens the socket that the processes of a gateway share. @default one of its own */
  readonly openSocket: OpenSocket | undefined;
  /** The declaration that wants the port, for errors. */
  readonly owner: string;
  readonly secureContext: SecureContext | undefined;
  /** True when every connection comes by a proxy that sends a PROXY header first. */
  readonly proxyProtocol: boolean;
  readonly trustedProxies: TrustedProxies;
  readonly handshakeTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly limits: LimitCounters;
  readonly scheduler: FlushScheduler;
  readonly descriptors: DescriptorReserve;
  readonly logger: Logger;
}

/**
 * The listening socket of a gateway, whatever the protocol: it takes the PROXY header and TLS off, and
 * gives each connection a bounded time to say what it wants.
 */
export class ClientListener {
  readonly #options: ClientListenerOptions;
  readonly #guard: Guard;
  readonly #isHttp: boolean;
  readonly #farewell: string | undefined;
  readonly #onSocket: (accepted: AcceptedSocket) => void;
  readonly #server: Server;
  readonly #context: AcceptedSocketContext;
  readonly #log: ThrottledLog;
  #port = 0;
  /** Connections that are not closed, those of clients included. */
  #open = 0;
  /** Open connections that are being refused with an answer because no descriptor is left. */
  #farewells = 0;

  /**
   * @param handler.isHttp - true when the client may name its address by a header, and can be told why it
   * is refused
   * @param handler.farewell - answer to a client that is refused before it has said anything; one without is just
   * closed
   * @param handler.onSocket - takes each connection; it answers errors of the socket once it has settled
   */
  constructor(
    options: ClientListenerOptions,
    handler: {
      readonly isHttp: boolean;
      readonly farewell?: string;
      readonly onSocket: (accepted: AcceptedSocket) => void;
    },
  ) {
    const { guard } = options.scheduler;
    this.#options = options;
    this.#guard = guard;
    this.#isHttp = handler.isHttp;
    this.#farewell = options.secureContext === undefined ? handler.farewell : undefined;
    this.#log = new ThrottledLog(options.logger);
    this.#onSocket = handler.onSocket;
    this.#context = {
      guard,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      limits: options.limits,
      perAddress: new ConnectionsPerAddress(options.maxConnectionsPerIp),
      refused: new ConnectionsPerAddress(REFUSED_PER_ADDRESS),
      inHandshake: new Set(),
    };
    const accept = guard.wrap(
      'client accept',
      (socket: Socket) => this.#accept(socket),
      (_error, socket) => socket.destroy(),
    );
    this.#server = createServer({ noDelay: true }, accept);
  }

  /** Port it listens on; 0 before `listen`. */
  get port(): number {
    return this.#port;
  }

  /** Connections that are in their handshake. */
  get handshakes(): number {
    return this.#context.inHandshake.size;
  }

  /** @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration */
  async listen(): Promise<void> {
    const { address, openSocket, owner } = this.#options;
    const { host, port } = address;
    await listen(this.#server, { host, port, openSocket }, owner);
    // Each call asks the system, and each client needs the port.
    this.#port = boundPort(this.#server);
    this.#server.on('error', (err) => this.#log.warn({ err }, 'client listener failed'));
  }

  /** Counts a connection that another process has accepted. */
  adopt(raw: Socket, remoteAddress: string): void {
    this.#open += 1;
    raw.once('close', this.#handleClosed);
    // It was let in before: it stays, though its address may have more than are allowed by now.
    this.#context.perAddress.take(remoteAddress, raw);
  }

  /** Takes no connection any more; handshakes go on. */
  stopListening(): void {
    this.#server.close();
  }

  /** Takes no connection any more, and ends those that are in their handshake. */
  close(): void {
    this.#server.close();
    this.#log.close();
    for (const socket of this.#context.inHandshake) socket.destroy();
  }

  #accept(raw: Socket): void {
    const { limits, descriptors, maxConnections, proxyProtocol } = this.#options;
    if (!descriptors.hasRoom()) {
      this.#refuseForDescriptors(raw);
      return;
    }
    if (this.#open >= maxConnections + HANDSHAKE_ROOM) {
      limits.connections += 1;
      raw.destroy();
      return;
    }
    this.#open += 1;
    raw.once('close', this.#handleClosed);
    const accepted = new AcceptedSocket(raw, peerAddress(raw.remoteAddress ?? ''), this.#context);
    if (!proxyProtocol) {
      this.#takePlace(raw, accepted);
      return;
    }
    const fail = (): void => accepted.fail();
    this.#takeProxyHeader(raw, fail, (source) => {
      if (source !== undefined) {
        accepted.remoteAddress = source.address;
        accepted.remotePort = source.port;
      }
      this.#takePlace(raw, accepted);
    });
  }

  #refuseForDescriptors(raw: Socket): void {
    this.#options.limits.descriptors += 1;
    if (this.#farewell === undefined || this.#farewells >= REFUSED_FROM_RESERVE) {
      raw.destroy();
      return;
    }
    this.#farewells += 1;
    raw.once('close', () => {
      this.#farewells -= 1;
    });
    new AcceptedSocket(raw, '', this.#context).refuse(this.#farewell);
  }

  readonly #handleClosed = (): void => {
    this.#open -= 1;
  };

  /** Counts the connection for its address, where that is known for sure, and goes on with it. */
  #takePlace(raw: Socket, accepted: AcceptedSocket): void {
    const { remoteAddress } = accepted;
    const mayBeForwarded = this.#isHttp && this.#options.trustedProxies.includes(remoteAddress);
    if (!mayBeForwarded && !accepted.take(remoteAddress) && !this.#isHttp) raw.destroy();
    if (raw.destroyed) return;
    this.#secure(raw, (socket) => {
      accepted.socket = socket;
      this.#onSocket(accepted);
    });
  }

  #takeProxyHeader(
    raw: Socket,
    fail: () => void,
    onSource: (source: Source | undefined) => void,
  ): void {
    const { trustedProxies } = this.#options;
    const { remoteAddress = '' } = raw;
    const reject = (reason: string): void => {
      this.#log.warn({ remoteAddress, reason }, 'connection refused');
      raw.destroy();
    };
    if (!trustedProxies.includes(remoteAddress)) {
      reject('not from a trusted proxy');
      return;
    }
    let bytes = Buffer.alloc(0);
    const readHeader = (): void => {
      for (let chunk = raw.read(); chunk !== null; chunk = raw.read()) {
        bytes = Buffer.concat([bytes, chunk]);
        let header: ReturnType<typeof parseProxyHeader>;
        try {
          header = parseProxyHeader(bytes);
        } catch (error) {
          reject(toError(error).message);
          return;
        }
        if (header === undefined) continue;
        raw.off('readable', read);
        const { source, byteLength } = header;
        if (bytes.length > byteLength) raw.unshift(bytes.subarray(byteLength));
        // The stream forgets in the next tick that somebody listened to `readable`.
        const goOn = (): void => {
          if (raw.destroyed) return;
          onSource(source);
          raw.resume();
        };
        setImmediate(this.#guard.wrap('PROXY header taken', goOn, fail));
        return;
      }
    };
    const read = this.#guard.wrap('PROXY header', readHeader, fail);
    raw.on('readable', read);
  }

  #secure(raw: Socket, onSocket: (socket: Socket) => void): void {
    const { secureContext } = this.#options;
    if (secureContext === undefined) {
      onSocket(raw);
      return;
    }
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    // A failed TLS handshake is the client's own matter; the socket closes.
    socket.on('error', () => socket.destroy());
    socket.once(
      'secure',
      this.#guard.wrap(
        'client TLS handshake',
        () => onSocket(socket),
        () => raw.destroy(),
      ),
    );
  }
}

type Source = { readonly address: string; readonly port: number };
