import { createServer, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { boundPort, type Logger, listen, toError } from '@gatewayworker/core';
import type { LimitCounters } from '../limit-counters.ts';
import type { ListenAddress } from '../listen-address.ts';
import { plainAddress, type TrustedProxies } from '../trusted-proxies.ts';
import { parseProxyHeader } from './proxy-header.ts';

/** Time a peer has to read a farewell before its socket is dropped, in milliseconds. */
const FAREWELL_MS = 1000;

/** Connections over the limit for clients that may be in their handshake. */
const HANDSHAKE_ROOM = 1024;

/** What the listener needs. */
export interface ClientListenerOptions {
  readonly address: ListenAddress;
  /** The declaration that wants the port, for errors. */
  readonly owner: string;
  readonly secureContext: SecureContext | undefined;
  /** True when every connection comes by a proxy that sends a PROXY header first. */
  readonly proxyProtocol: boolean;
  readonly trustedProxies: TrustedProxies;
  readonly handshakeTimeoutMs: number;
  readonly maxConnections: number;
  readonly limits: LimitCounters;
  readonly logger: Logger;
}

/** A connection that is ready for the protocol of its listener. */
export class AcceptedSocket {
  readonly socket: Socket;
  /** Who it comes from, as the PROXY header says if there is one. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Takes leave of a client whose time is over, and closes; without it the socket is just closed. */
  onTimeout: (() => void) | undefined;
  readonly #settle: () => void;

  constructor(
    socket: Socket,
    source: { readonly address: string; readonly port: number },
    settle: () => void,
  ) {
    this.socket = socket;
    this.remoteAddress = source.address;
    this.remotePort = source.port;
    this.#settle = settle;
  }

  /** The client has sent its handshake: its time runs no more. */
  settle(): void {
    this.#settle();
  }
}

/**
 * The listening socket of a gateway, whatever the protocol: it takes the PROXY header and TLS off, and
 * gives each connection a bounded time to say what it wants.
 */
export class ClientListener {
  readonly #options: ClientListenerOptions;
  readonly #server: Server;
  readonly #inHandshake = new Set<Socket>();

  /** @param onSocket - takes each connection; it answers errors of the socket from then on */
  constructor(options: ClientListenerOptions, onSocket: (accepted: AcceptedSocket) => void) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket, onSocket));
    this.#server.maxConnections = options.maxConnections + HANDSHAKE_ROOM;
    this.#server.on('drop', () => {
      options.limits.connections += 1;
    });
  }

  /** Port it listens on; 0 before `listen`. */
  get port(): number {
    return boundPort(this.#server);
  }

  /** @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration */
  async listen(): Promise<void> {
    const { address, owner, logger } = this.#options;
    const { host, port } = address;
    // Not exclusive: within a cluster all processes of a gateway share the port.
    await listen(this.#server, { host, port, exclusive: false }, owner);
    this.#server.on('error', (error) => logger.error({ err: error }, 'client listener failed'));
  }

  /** Takes no connection any more, and ends those that are in their handshake. */
  close(): void {
    this.#server.close();
    for (const socket of this.#inHandshake) socket.destroy();
  }

  #accept(raw: Socket, onSocket: (accepted: AcceptedSocket) => void): void {
    const { handshakeTimeoutMs, limits, proxyProtocol } = this.#options;
    let accepted: AcceptedSocket | undefined;
    const timer = setTimeout(() => {
      limits.handshakeTimeout += 1;
      settle();
      // The farewell may come too late for the client.
      raw.on('error', ignoreError);
      if (accepted?.onTimeout === undefined) {
        raw.destroy();
        return;
      }
      accepted.onTimeout();
      setTimeout(() => raw.destroy(), FAREWELL_MS).unref();
    }, handshakeTimeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      raw.off('close', settle);
      raw.off('error', ignoreError);
      this.#inHandshake.delete(raw);
    };
    this.#inHandshake.add(raw);
    raw.on('close', settle);
    // Until the protocol takes over, an error is the client's own: the socket closes by itself.
    raw.on('error', ignoreError);
    const peer = { address: plainAddress(raw.remoteAddress ?? ''), port: raw.remotePort ?? 0 };
    const secure = (source: typeof peer): void => {
      this.#secure(raw, (socket) => {
        accepted = new AcceptedSocket(socket, source, settle);
        onSocket(accepted);
      });
    };
    if (proxyProtocol) this.#takeProxyHeader(raw, (source) => secure(source ?? peer));
    else secure(peer);
  }

  #takeProxyHeader(raw: Socket, onSource: (source: Source | undefined) => void): void {
    const { trustedProxies, logger } = this.#options;
    const { remoteAddress = '' } = raw;
    const reject = (reason: string): void => {
      logger.warn({ remoteAddress, reason }, 'connection refused');
      raw.destroy();
    };
    if (!trustedProxies.includes(remoteAddress)) {
      reject('not from a trusted proxy');
      return;
    }
    let bytes = Buffer.alloc(0);
    const read = (): void => {
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
        setImmediate(() => {
          if (raw.destroyed) return;
          onSource(source && { ...source, address: plainAddress(source.address) });
          raw.resume();
        });
        return;
      }
    };
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
    socket.once('secure', () => onSocket(socket));
  }
}

type Source = { readonly address: string; readonly port: number };

function ignoreError(): void {
  // The socket closes by itself.
}
