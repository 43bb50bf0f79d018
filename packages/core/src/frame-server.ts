import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { DialerRole, Hello } from '@gatewayworker/protocol';
import { GatewayWorkerError } from './errors.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import { type AcceptorIdentity, acceptHandshake } from './handshake.ts';
import type { Logger } from './logger.ts';
import { formatHostPort, type HostPort } from './options.ts';

/**
 * Interval of the heartbeat on every inner link: a peer that is silent for two of these is gone. A
 * process whose event loop is held up for less than one is not mistaken for a dead one.
 */
export const LINK_HEARTBEAT_MS = 10_000;

/** What a listener for inner links needs. */
export interface FrameServerOptions {
  readonly identity: AcceptorIdentity;
  readonly secretKey: string;
  /** Who may dial this listener. */
  readonly allowedRoles: readonly DialerRole[];
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /** Takes a link that is up; sets its `onFrame` and `onClose` within the call. */
  readonly onLink: (connection: FrameConnection, hello: Hello) => void;
}

/** Listens for inner links; a peer that does not prove itself in time gets no further. */
export class FrameServer {
  readonly #options: FrameServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<FrameConnection>();

  constructor(options: FrameServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Number of sockets that are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Listens.
   *
   * @param owner - the declaration that wants the port, for the error
   * @returns the port, which the system chose when 0 was asked for
   * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
   */
  async listen({ host, port }: HostPort, owner: string): Promise<number> {
    await listen(this.#server, { host, port, exclusive: true }, owner);
    return boundPort(this.#server);
  }

  /** Stops listening, sends what is queued on every link and closes it. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      // The callback's error only says that it was not listening.
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.close();
    await closed;
  }

  #accept(socket: Socket): void {
    const { scheduler, logger, onLink, identity, secretKey, allowedRoles } = this.#options;
    const connection = new FrameConnection(socket, scheduler);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    acceptHandshake(
      connection,
      { identity, secretKey, allowedRoles },
      {
        onLinked: (hello) => {
          connection.startHeartbeat(LINK_HEARTBEAT_MS);
          onLink(connection, hello);
        },
        onFailed: (error) => {
          logger.warn(
            { peer: connection.remoteAddress, reason: error.message },
            'inner link refused',
          );
        },
      },
    );
  }
}

/**
 * Listens with any server of `node:net` or `node:http`.
 *
 * @param owner - the declaration that wants the port, for the error
 * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
 */
export async function listen(
  server: Server,
  options: HostPort & { readonly exclusive: boolean },
  owner: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const address = formatHostPort(options.host, options.port);
      const why = listenFailures.get(cause.code ?? '') ?? cause.message;
      const text = `${owner} cannot listen on ${address}: ${why}`;
      reject(new GatewayWorkerError('GW_ERR_LISTEN_FAILED', text, { cause }));
    };
    server.once('error', fail);
    server.listen({ ...options, backlog: 4096 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

const listenFailures: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is in use by another process'],
  ['EACCES', 'this user may not use the port'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
]);

/** The port a server listens on. */
export function boundPort(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
