import type { AddressInfo, Server } from 'node:net';
import { GatewayWorkerError, toError } from './errors.ts';
import { formatHostPort, type HostPort } from './options.ts';

/** Maximum number of connections that wait to be accepted; Linux limits it to `net.core.somaxconn`. */
const BACKLOG = 4096;

/** Address that a server listens on. */
export interface ListenTarget extends HostPort {
  /** Provides a bound socket, such as one that several processes share. @default a new socket of this process */
  readonly openSocket?: OpenSocket | undefined;
}

/** Opens or requests the socket of an address, for `server.listen(socket)`; rejects with an error of the system. */
export type OpenSocket = (address: HostPort) => Promise<object>;

/**
 * Makes a server of `node:net` or `node:http` listen.
 *
 * @param owner - the declaration that the port belongs to, for the error
 * @throws {GW_ERR_LISTEN_FAILED} with the address and the declaration
 */
export async function listen(
  server: Server,
  { host, port, openSocket }: ListenTarget,
  owner: string,
): Promise<void> {
  try {
    const socket = await openSocket?.({ host, port });
    await new Promise<void>((resolve, reject) => {
      const succeed = (): void => {
        server.off('error', fail);
        resolve();
      };
      const fail = (error: Error): void => {
        server.off('listening', succeed);
        reject(error);
      };
      server.once('error', fail);
      server.once('listening', succeed);
      if (socket === undefined) server.listen({ host, port, exclusive: true, backlog: BACKLOG });
      else server.listen(socket, BACKLOG);
    });
  } catch (thrown) {
    const cause: NodeJS.ErrnoException = toError(thrown);
    const why = listenFailures.get(cause.code ?? '') ?? cause.message;
    const text = `${owner} cannot listen on ${formatHostPort(host, port)}: ${why}`;
    throw new GatewayWorkerError('GW_ERR_LISTEN_FAILED', text, { cause });
  }
}

const listenFailures: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is in use by another process'],
  ['EACCES', 'this user may not use the port'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
]);

/** The port that a server listens on. */
export function boundPort(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
