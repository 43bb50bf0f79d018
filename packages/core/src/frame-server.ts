import { randomUUID } from 'node:crypto';
import { createServer, type Server, Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { DEFAULT_MAX_FRAME_BYTES, type DialerRole, type Hello } from '@gatewayworker/protocol';
import type { SecretKey } from './authentication.ts';
import type { DescriptorReserve } from './descriptor-reserve.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import type { Guard } from './guard.ts';
import { type AcceptorIdentity, acceptHandshake } from './handshake.ts';
import { acceptorTls, describeTlsError, type InnerTlsOptions } from './inner-tls.ts';
import type { LinkState } from './link-resumption.ts';
import { boundPort, type ListenTarget, listen } from './listen.ts';
import type { Logger } from './logger.ts';
import { formatHostPort } from './options.ts';
import { ThrottledLog } from './throttled-log.ts';

/**
 * Interval of the heartbeat on every inner link: a peer that is silent for two of these is gone. A
 * process whose event loop is held up for less than 0.8 of one is not mistaken for a dead one.
 */
export const LINK_HEARTBEAT_MS = 10_000;

/** Time that a peer has to come back over a link that broke, in milliseconds. */
export const RESUME_GRACE_MS = 2000;

/**
 * Peers that have not proved themselves yet, at a time. Past it the one that has taken longest is cut off:
 * who has the key takes milliseconds.
 */
const MAX_UNPROVEN = 1024;

/** A link that another process goes on with. */
export interface MovedLink {
  /** Name by which its dialer resumes it. */
  readonly linkId: string;
  readonly hello: Hello;
  readonly state: LinkState;
}

/** A link that is frozen. */
export interface FrozenLink extends MovedLink {
  readonly connection: FrameConnection;
}

/** What a listener for inner links needs. */
export interface FrameServerOptions {
  readonly identity: AcceptorIdentity;
  readonly secretKey: SecretKey;
  /** TLS of the links; `undefined` accepts them in plain. */
  readonly tls?: InnerTlsOptions | undefined;
  /** Who may dial this listener. */
  readonly allowedRoles: readonly DialerRole[];
  /** Whether links outlive their sockets for a while. @default false */
  readonly areLinksResumable?: boolean;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /**
   * Refuses links while only the reserve of file descriptors is left.
   *
   * @default links may use the reserve, as those of a gateway do: they matter more than a new client
   */
  readonly descriptors?: DescriptorReserve;
  /** Takes a link that is up; sets its `onFrame` and `onClose` within the call. */
  readonly onLink: (connection: FrameConnection, hello: Hello) => void;
}

/** Listens for inner links; a peer that does not prove itself in time gets no further. */
export class FrameServer {
  readonly #options: FrameServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<FrameConnection>();
  /** Connections of peers that have not proved themselves, below TLS, by the address of the peer; oldest first. */
  readonly #unproven = new Map<string, Socket>();
  readonly #guard: Guard;
  readonly #log: ThrottledLog;
  #refusedForDescriptors = 0;
  /** Links that can be resumed, by their id. */
  readonly #resumable = new Map<string, { connection: FrameConnection; hello: Hello }>();

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

  /** Number of links, those that are being set up and those that wait to be resumed included. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Connections closed at once because no file descriptor was left for them. */
  get refusedForDescriptors(): number {
    return this.#refusedForDescriptors;
  }

  /**
   * Listens.
   *
   * @param owner - the declaration that wants the port, for the error
   * @returns the port, which the system chose when 0 was asked for
   * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
   */
  async listen(target: ListenTarget, owner: string): Promise<number> {
    await listen(this.#server, target, owner);
    // Such as too many open files, which the next connection may not meet.
    this.#server.on('error', (err) => this.#log.warn({ err }, 'inner listener failed'));
    return boundPort(this.#server);
  }

  /** The listening socket, for another process to listen on; `undefined` while it does not listen. */
  get handle(): object | undefined {
    const handle: unknown = Reflect.get(this.#server, '_handle');
    return typeof handle === 'object' && handle !== null ? handle : undefined;
  }

  /**
   * Stops listening and freezes every link; those that are being set up end.
   * Answers what another process needs to go on with the links. `thawAll` does so here, after another `listen`.
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
    for (const socket of this.#unproven.values()) socket.destroy();
    return frozen;
  }

  /** Goes on with every link that was frozen. */
  thawAll(): void {
    for (const { connection } of this.#resumable.values()) connection.thaw();
  }

  /** Takes the place of a frozen link of another process. Its dialer resumes it here, after `thawAll`. */
  restoreLink({ linkId, hello, state }: MovedLink): FrameConnection {
    const connection = this.#keep(new FrameConnection(new Socket(), this.#options.scheduler));
    connection.raiseFrameLimit(DEFAULT_MAX_FRAME_BYTES);
    connection.startHeartbeat(LINK_HEARTBEAT_MS);
    this.#makeResumable(connection, hello, linkId);
    this.#options.onLink(connection, hello);
    connection.restore(state);
    return connection;
  }

  /** Stops listening, sends what is queued on every link and closes it. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      // The callback's error only says that it was not listening.
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.close();
    await Promise.all([...this.#connections].map((connection) => connection.closed));
    // Those that have not finished their TLS handshake are no connections yet.
    for (const socket of this.#unproven.values()) socket.destroy();
    await closed;
    this.#log.close();
  }

  #createTlsServer(tls: InnerTlsOptions, accept: (socket: Socket) => void): Server {
    const options = { ...acceptorTls(tls), allowHalfOpen: true };
    const server = createTlsServer(options, accept);
    const handleTlsError = (error: Error, socket: TLSSocket): void => {
      const peer = peerOf(socketBelow(socket) ?? socket);
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

  /** Runs before `#accept`, below TLS. */
  #handleConnection(socket: Socket): void {
    if (this.#options.descriptors?.hasRoom() === false) {
      // The peer dials again: it is linked once there are descriptors.
      this.#refusedForDescriptors += 1;
      socket.destroy();
    } else {
      this.#limitUnproven(socket);
    }
  }

  #limitUnproven(socket: Socket): void {
    const peer = peerOf(socket);
    this.#unproven.set(peer, socket);
    const forget = (): void => {
      if (this.#unproven.get(peer) === socket) this.#unproven.delete(peer);
    };
    socket.once('close', this.#guard.wrap('unproven link close', forget, forget));
    if (this.#unproven.size <= MAX_UNPROVEN) return;
    const [[oldest, slowest] = []] = this.#unproven;
    if (oldest !== undefined) this.#unproven.delete(oldest);
    slowest?.destroy();
  }

  #accept(socket: Socket): void {
    if (socket.destroyed) return;
    const { scheduler, onLink, identity, secretKey, allowedRoles } = this.#options;
    const { areLinksResumable = false } = this.#options;
    const connection = this.#keep(new FrameConnection(socket, scheduler));
    acceptHandshake(
      connection,
      {
        identity,
        secretKey,
        allowedRoles,
        onProven: () => this.#unproven.delete(connection.remoteAddress),
        findLink: (hello) => this.#findLink(hello),
        createLinkId: () => (areLinksResumable ? randomUUID() : undefined),
      },
      {
        onLinked: ({ hello, linkId }) => {
          connection.startHeartbeat(LINK_HEARTBEAT_MS);
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

  #keep(connection: FrameConnection): FrameConnection {
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }

  #makeResumable(connection: FrameConnection, hello: Hello, linkId: string): void {
    connection.makeResumable(RESUME_GRACE_MS);
    this.#resumable.set(linkId, { connection, hello });
    void connection.closed.then(() => this.#resumable.delete(linkId));
  }

  /** The link that the dialer would go on with, if it is the dialer's and nothing of it is missing. */
  #findLink({ instanceId, name, id, resume }: Hello): FrameConnection | undefined {
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

/** Address of the other side, for logs. */
function peerOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return formatHostPort(remoteAddress, remotePort);
}

/**
 * The connection that a TLS socket runs over. One whose certificate is refused has forgotten its own address by the
 * time that we are told; Node.js has no documented name for the other.
 */
function socketBelow(socket: TLSSocket): Socket | undefined {
  const below: unknown = Reflect.get(socket, '_parent');
  return below instanceof Socket ? below : undefined;
}
