import type { AddressInfo, Server } from 'node:net';
import { GatewayWorkerError, toError } from './errors.ts';
import { formatHostPort, type HostPort } from './options.ts';

/** Connections that wait to be accepted; Linux takes no more than `net.core.somaxconn`. */
const BACKLOG = 4096;

/** Where a server listens. */
export interface ListenTarget extends HostPort {
  /** Answers a socket that is bound to the address, such as one that several processes share. @default a socket of its own */
  readonly openSocket?: OpenSocket | undefined;
}

/** Opens or fetches the socket of an address, for `server.listen(socket)`; rejects with an error of the system. */
export type OpenSocket = (address: HostPort) => Promise<object>;

/**
 * Listens with any server of `node:net` or `node:http`.
 *
 * @param owner - the declaration that wants the port, for the error
 * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
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

/** The port a server listens on. */
export function boundPort(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
