import { createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort, type Logger, listen } from '@gatewayworker/core';

/** How often the port is tried while somebody else has it, in milliseconds. */
const RETRY_MS = 50;

/**
 * Takes clients at the port of a gateway while there is no master who shares them out.
 *
 * The listening socket of a port that several processes share is the master's, and is gone with it. One
 * of the processes takes the port then, for all; the others try on, for the case that it ends.
 */
export class PortHolder {
  readonly #owner: string;
  readonly #logger: Logger;
  readonly #onSocket: (socket: Socket) => void;
  #server: Server | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  /**
   * @param owner - the declaration that the port is of, for the log
   * @param onSocket - takes each connection
   */
  constructor(owner: string, logger: Logger, onSocket: (socket: Socket) => void) {
    this.#owner = owner;
    this.#logger = logger;
    this.#onSocket = onSocket;
  }

  /** Takes the port, as soon as it is free. */
  hold(address: HostPort): void {
    if (this.#server !== undefined) return;
    const server = createServer({ noDelay: true }, this.#onSocket);
    this.#server = server;
    void this.#tryHold(server, address);
  }

  /** Lets the port go; it is free when this returns. Clients that have come stay. */
  release(): void {
    clearTimeout(this.#retryTimer);
    this.#server?.close();
    this.#server = undefined;
  }

  async #tryHold(server: Server, address: HostPort): Promise<void> {
    try {
      await listen(server, { ...address, exclusive: true }, this.#owner);
    } catch (error) {
      if (this.#server !== server) return;
      if (isPortTaken(error)) {
        this.#retryTimer = setTimeout(() => void this.#tryHold(server, address), RETRY_MS);
      } else {
        this.#logger.error({ err: error }, 'new clients have to wait for the next master');
      }
      return;
    }
    if (this.#server !== server) {
      server.close();
      return;
    }
    server.on('error', (error) => this.#logger.error({ err: error }, 'client listener failed'));
    const port = formatHostPort(address.host, address.port);
    this.#logger.info({ port }, 'takes new clients by itself until the next master is there');
  }
}

/** Tells whether a failed `listen` found its port in use. */
export function isPortTaken(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}
