import { randomUUID } from 'node:crypto';
import { createServer, type Server, Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { DEFAULT_MAX_FRAME_BYTES, type DialerRole, type Message } from '@gatewayworker/protocol';
import type { SecretKey } from './authentication.ts';
import type { DescriptorReserve } from './descriptor-reserve.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import type { Guard } from './guard.ts';
import { type AcceptorIdentity, acceptHandshake } from './handshake.ts';
import { acceptorTls, describeTlsError, type InnerTlsOptions } from './inner-tls.ts';
import type { LinkState } from './link-resumption.ts';
import { linkTiming } from './link-timing.ts';
import { boundPort, type ListenTarget, listen } from './listen.ts';
import type { Logger } from './logger.ts';
import { formatHostPort } from './options.ts';
import { ThrottledLog } from './throttled-log.ts';

/**
 * Maximum number of connections that have not authenticated yet. Above it the oldest one is closed: a peer with the
 * key authenticates within milliseconds.
 */
const MAX_UNAUTHENTICATED = 1024;

/** A link that another process takes over. */
export interface MovedLink {
  /** Id by which its dialer resumes it. */
  readonly linkId: string;
  readonly hello: Message<'hello'>;
  readonly state: LinkState;
}

/** A frozen link of this process. */
export interface FrozenLink extends MovedLink {
  readonly connection: FrameConnection;
}

/** Options of a listener for inner links. */
export interface FrameServerOptions {
  readonly identity: AcceptorIdentity;
  readonly secretKey: SecretKey;
  /** TLS of the links; `undefined` accepts them without TLS. */
  readonly tls?: InnerTlsOptions | undefined;
  /** Roles that may dial this listener. */
  readonly allowedRoles: readonly DialerRole[];
  /** Whether dialers may resume their links after the socket broke. @default false */
  readonly areLinksResumable?: boolean;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /**
   * Reserve of file descriptors: links are refused while only the reserve is left.
   *
   * @default links may use the reserve, as in a gateway, where a link matters more than a new client
   */
  readonly descriptors?: DescriptorReserve;
  /** Called with each link that is up; must set its `onFrame` and `onClose` before it returns. */
  readonly onLink: (connection: FrameConnection, hello: Message<'hello'>) => void;
}

/** Listens for inner links. A peer that does not authenticate within 5 s is disconnected. */
export class FrameServer {
  readonly #options: FrameServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<FrameConnection>();
  /** Raw TCP sockets of peers that have not authenticated, by the address of the peer, oldest first. */
  readonly #unauthenticated = new Map<string, Socket>();
  readonly #guard: Guard;
  readonly #log: ThrottledLog;
  #refusedForDescriptors = 0;
  /** Links that can be resumed, by link id. */
  readonly #resumable = new Map<string, { connection: FrameConnection; hello: Message<'hello'> }>();

  constructor(options: FrameServerOptions) {
    this.#options = options;
    const { tls, scheduler } = options;
    const { guard } = scheduler;
    this.#guard = guard;
    this.#log = new ThrottledLog(options.logger);
    const accept = guard.wrap('link accept', (socket: Socket) => this.#accept(socket), destroy);
    this.#server =
      tls === undefined
        ? createServer({ allowHalfOpen: true }, accept)
        : this.#createTlsServer(tls, accept);
    this.#server.prependListener(
      'connection',
      guard.wrap('link connection', (socket: Socket) => this.#handleConnection(socket), destroy),
    );
  }

  /** Number of links, including those in their handshake and suspended ones. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Number of connections refused because only the reserve of file descriptors was left. */
  get refusedForDescriptors(): number {
    return this.#refusedForDescriptors;
  }

  /**
   * Starts to listen.
   *
   * @param owner - the declaration that the port belongs to, for the error
   * @returns the port; the system has chosen it if the target has port 0
   * @throws {GW_ERR_LISTEN_FAILED} with the address and the declaration
   */
  async listen(target: ListenTarget, owner: string): Promise<number> {
    await listen(this.#server, target, owner);
    // An error such as too many open files does not have to affect the next connection.
    this.#server.on('error', (err) => this.#log.warn({ err }, 'inner listener failed'));
    return boundPort(this.#server);
  }

  /** The handle of the listening socket, to be sent to another process; `undefined` while it does not listen. */
  get handle(): object | undefined {
    const handle: unknown = Reflect.get(this.#server, '_handle');
    return typeof handle === 'object' && handle !== null ? handle : undefined;
  }

  /**
   * Stops listening and freezes every link. Links in their handshake end. To continue in this process, call `listen`
   * and `thawAll`.
   *
   * @returns the links, with the state that another process needs to take them over
   */
  freezeAll(reason: Error): FrozenLink[] {
    this.#server.close();
    const frozen = [...this.#resumable].flatMap(([linkId, { connection, hello }]) => {
      const state = connection.freeze(reason);
      return state === undefined ? [] : [{ connection, linkId, hello, state }];
    });
    for (const connection of this.#connections) {
      if (!connection.isSuspended) connection.destroy(reason);
    }
    for (const socket of this.#unauthenticated.values()) socket.destroy();
    return frozen;
  }

  /** Continues every frozen link. */
  thawAll(): void {
    for (const { connection } of this.#resumable.values()) connection.thaw();
  }

  /** Takes over a frozen link of another process. Its dialer can resume it after `thawAll`. */
  restoreLink({ linkId, hello, state }: MovedLink): FrameConnection {
    const connection = this.#track(new FrameConnection(new Socket(), this.#options.scheduler));
    connection.raiseFrameLimit(DEFAULT_MAX_FRAME_BYTES);
    connection.startHeartbeat(linkTiming.heartbeatMs);
    this.#makeResumable(connection, hello, linkId);
    this.#options.onLink(connection, hello);
    connection.restore(state);
    return connection;
  }

  /** Stops listening, and closes every link after its queued frames are sent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      // An error passed to the callback only means that the server was not listening.
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.close();
    await Promise.all([...this.#connections].map((connection) => connection.closed));
    // Sockets in their TLS handshake are not in `#connections` yet.
    for (const socket of this.#unauthenticated.values()) socket.destroy();
    await closed;
    this.#log.close();
  }

  #createTlsServer(tls: InnerTlsOptions, accept: (socket: Socket) => void): Server {
    const options = { ...acceptorTls(tls), allowHalfOpen: true };
    const server = createTlsServer(options, accept);
    const handleTlsError = (error: Error, socket: TLSSocket): void => {
      const peer = peerAddressOf(rawSocketOf(socket) ?? socket);
      this.#log.warn({ peer, reason: describeTlsError(error, socket) }, 'inner link refused');
      socket.destroy();
    };
    server.on(
      'tlsClientError',
      this.#guard.wrap('link TLS error', handleTlsError, (error, _cause, socket) => {
        destroy(error, socket);
      }),
    );
    return server;
  }

  /** Runs before `#accept`, and before the TLS handshake. */
  #handleConnection(socket: Socket): void {
    if (this.#options.descriptors?.hasRoom() === false) {
      // The peer dials again, and is accepted once descriptors are free.
      this.#refusedForDescriptors += 1;
      socket.destroy();
    } else {
      this.#limitUnauthenticated(socket);
    }
  }

  #limitUnauthenticated(socket: Socket): void {
    const peer = peerAddressOf(socket);
    this.#unauthenticated.set(peer, socket);
    const forget = (): void => {
      if (this.#unauthenticated.get(peer) === socket) this.#unauthenticated.delete(peer);
    };
    socket.once('close', this.#guard.wrap('unauthenticated link close', forget, forget));
    if (this.#unauthenticated.size <= MAX_UNAUTHENTICATED) return;
    const [[oldest, slowest] = []] = this.#unauthenticated;
    if (oldest !== undefined) this.#unauthenticated.delete(oldest);
    slowest?.destroy();
  }

  #accept(socket: Socket): void {
    if (socket.destroyed) return;
    const { scheduler, onLink, identity, secretKey, allowedRoles } = this.#options;
    const { areLinksResumable = false } = this.#options;
    const connection = this.#track(new FrameConnection(socket, scheduler));
    acceptHandshake(
      connection,
      {
        identity,
        secretKey,
        allowedRoles,
        onAuthenticated: () => this.#unauthenticated.delete(connection.remoteAddress),
        findLink: (hello) => this.#findLink(hello),
        createLinkId: () => (areLinksResumable ? randomUUID() : undefined),
      },
      {
        onLinked: ({ hello, linkId }) => {
          connection.startHeartbeat(linkTiming.heartbeatMs);
          if (linkId !== undefined) this.#makeResumable(connection, hello, linkId);
          onLink(connection, hello);
        },
        onFailed: (error) => {
          const fields = { peer: connection.remoteAddress, reason: error.message };
          this.#log.warn(fields, 'inner link refused');
        },
      },
    );
  }

  #track(connection: FrameConnection): FrameConnection {
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }

  #makeResumable(connection: FrameConnection, hello: Message<'hello'>, linkId: string): void {
    connection.makeResumable(linkTiming.resumeGraceMs);
    this.#resumable.set(linkId, { connection, hello });
    void connection.closed.then(() => this.#resumable.delete(linkId));
  }

  /** The link that the dialer requests to resume, if it belongs to the dialer and can resume at the position. */
  #findLink({ instanceId, name, id, resume }: Message<'hello'>): FrameConnection | undefined {
    const link = this.#resumable.get(resume?.linkId ?? '');
    if (resume === undefined || link === undefined || link.hello.instanceId !== instanceId)
      return undefined;
    if (!link.connection.canResumeAt(resume.received)) return undefined;
    this.#options.logger.info({ peer: `${name}#${id}` }, 'inner link resumed');
    return link.connection;
  }
}

function destroy(_error: Error, socket: Socket): void {
  socket.destroy();
}

/** Address of the peer, for logs. */
function peerAddressOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return formatHostPort(remoteAddress, remotePort);
}

/**
 * The TCP socket below a TLS socket. When a certificate is refused, the TLS socket has already lost the address of its
 * peer. Node.js has no public property for the socket below.
 */
function rawSocketOf(socket: TLSSocket): Socket | undefined {
  const below: unknown = Reflect.get(socket, '_parent');
  return below instanceof Socket ? below : undefined;
}
