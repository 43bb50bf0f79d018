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

/** Connections that are accepted in addition to `maxConnections`, for handshakes and refusals. */
const EXTRA_CONNECTIONS = 1024;

/** Simultaneous refusals for an address over its limit; further connections are closed. */
const REFUSED_PER_ADDRESS = 8;

/** Simultaneous refusals while only reserved file descriptors are left; further connections are closed. */
const REFUSED_FROM_RESERVE = 16;

/** Options and dependencies of the listener. */
export interface ClientListenerOptions {
  readonly address: ListenAddress;
  /** Opens the listening socket that the processes of a gateway share. @default a new socket */
  readonly openSocket: OpenSocket | undefined;
  /** The declaration that uses the port, for errors. */
  readonly owner: string;
  readonly secureContext: SecureContext | undefined;
  /** True when every connection starts with a PROXY header. */
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
 * The listening socket of a gateway for clients of any protocol. It reads the PROXY header, terminates TLS, and bounds
 * the time of each handshake.
 */
export class ClientListener {
  readonly #options: ClientListenerOptions;
  readonly #guard: Guard;
  readonly #isHttp: boolean;
  readonly #refusal: string | undefined;
  readonly #onSocket: (accepted: AcceptedSocket) => void;
  readonly #server: Server;
  readonly #context: AcceptedSocketContext;
  readonly #log: ThrottledLog;
  #port = 0;
  /** Open connections, those of clients included. */
  #connectionCount = 0;
  /** Connections that get a refusal because no descriptor is left. */
  #refusalCount = 0;

  /**
   * @param handler.isHttp - true when a header may give the address of the client, and refusals have a reason
   * @param handler.refusal - sent to a client without TLS that is refused before its handshake; if undefined, the
   * connection is closed
   * @param handler.onSocket - called for each connection; it handles errors of the socket after `settle`
   */
  constructor(
    options: ClientListenerOptions,
    handler: {
      readonly isHttp: boolean;
      readonly refusal?: string;
      readonly onSocket: (accepted: AcceptedSocket) => void;
    },
  ) {
    const { guard } = options.scheduler;
    this.#options = options;
    this.#guard = guard;
    this.#isHttp = handler.isHttp;
    this.#refusal = options.secureContext === undefined ? handler.refusal : undefined;
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

  /** The port; 0 before `listen`. */
  get port(): number {
    return this.#port;
  }

  /** Number of connections in their handshake. */
  get handshakes(): number {
    return this.#context.inHandshake.size;
  }

  /** @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration */
  async listen(): Promise<void> {
    const { address, openSocket, owner } = this.#options;
    const { host, port } = address;
    await listen(this.#server, { host, port, openSocket }, owner);
    // Kept, because reading the port is a system call and every client needs it.
    this.#port = boundPort(this.#server);
    this.#server.on('error', (err) => this.#log.warn({ err }, 'client listener failed'));
  }

  /** Counts a connection that the predecessor has accepted. */
  adopt(raw: Socket, remoteAddress: string): void {
    this.#connectionCount += 1;
    raw.once('close', this.#handleClosed);
    // The result is ignored: an admitted client stays even if its address exceeds the limit now.
    this.#context.perAddress.take(remoteAddress, raw);
  }

  /** Stops listening. Handshakes continue. */
  stopListening(): void {
    this.#server.close();
  }

  /** Stops listening, and destroys connections in their handshake. */
  close(): void {
    this.#server.close();
    this.#log.close();
    for (const socket of this.#context.inHandshake) socket.destroy();
  }

  #accept(raw: Socket): void {
    const { limits, descriptors, maxConnections, proxyProtocol } = this.#options;
    // The client has reset the connection already.
    if (raw.remoteAddress === undefined) {
      raw.destroy();
      return;
    }
    if (!descriptors.hasRoom()) {
      this.#refuseForDescriptors(raw);
      return;
    }
    if (this.#connectionCount >= maxConnections + EXTRA_CONNECTIONS) {
      limits.connections += 1;
      raw.destroy();
      return;
    }
    this.#connectionCount += 1;
    raw.once('close', this.#handleClosed);
    const accepted = new AcceptedSocket(raw, peerAddress(raw.remoteAddress), this.#context);
    if (!proxyProtocol) {
      this.#countConnection(raw, accepted);
      return;
    }
    const fail = (): void => accepted.fail();
    this.#readProxyHeader(raw, fail, (source) => {
      if (source !== undefined) {
        accepted.remoteAddress = source.address;
        accepted.remotePort = source.port;
      }
      this.#countConnection(raw, accepted);
    });
  }

  #refuseForDescriptors(raw: Socket): void {
    this.#options.limits.descriptors += 1;
    if (this.#refusal === undefined || this.#refusalCount >= REFUSED_FROM_RESERVE) {
      raw.destroy();
      return;
    }
    this.#refusalCount += 1;
    raw.once('close', () => {
      this.#refusalCount -= 1;
    });
    new AcceptedSocket(raw, '', this.#context).refuse(this.#refusal);
  }

  readonly #handleClosed = (): void => {
    this.#connectionCount -= 1;
  };

  /** Counts the connection for its address, unless a header may give another one, and continues its handshake. */
  #countConnection(raw: Socket, accepted: AcceptedSocket): void {
    const { remoteAddress } = accepted;
    const mayBeForwarded = this.#isHttp && this.#options.trustedProxies.includes(remoteAddress);
    if (!mayBeForwarded && !accepted.take(remoteAddress) && !this.#isHttp) raw.destroy();
    if (raw.destroyed) return;
    this.#secure(raw, (socket) => {
      accepted.socket = socket;
      this.#onSocket(accepted);
    });
  }

  #readProxyHeader(
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
        // The stream leaves the `readable` mode in the next tick only.
        const proceed = (): void => {
          if (raw.destroyed) return;
          onSource(source);
          raw.resume();
        };
        setImmediate(this.#guard.wrap('PROXY header taken', proceed, fail));
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
    // A failed TLS handshake is a fault of the client: it is not logged.
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
