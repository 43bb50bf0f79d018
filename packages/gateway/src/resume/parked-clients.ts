import type { Guard } from '@gatewayworker/core';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientTable } from '../clients/client-table.ts';

/** Interval at which expired clients are ended, in milliseconds. */
const CHECK_MS = 500;

/** Limits of parked clients. */
export interface ParkedClientsOptions {
  /** Time for which a client stays parked, in milliseconds. */
  readonly windowMs: number;
  /** Parked clients; when there are more, the one that was parked first here is ended. */
  readonly maxParked: number;
}

/** Clients without a connection that can resume. One timer serves all of them. */
export class ParkedClients {
  readonly #options: ParkedClientsOptions;
  readonly #clients: ClientTable;
  readonly #end: (client: ClientConnection) => void;
  /** When each client lost its connection, in the order in which this gateway got them. */
  readonly #parkedAt = new Map<ClientConnection, number>();
  readonly #check: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param end - ends a client whose window is over */
  constructor(
    options: ParkedClientsOptions,
    { clients, guard }: { readonly clients: ClientTable; readonly guard: Guard },
    end: (client: ClientConnection) => void,
  ) {
    this.#options = options;
    this.#clients = clients;
    const endGuarded = guard.wrap('parked client', end, (error, client) =>
      client.socket.fail(error),
    );
    this.#end = (client) => {
      this.remove(client);
      endGuarded(client);
    };
    this.#check = () => this.#endExpired();
  }

  get size(): number {
    return this.#parkedAt.size;
  }

  /** @param awayMs - time since the client lost its connection, in milliseconds */
  add(client: ClientConnection, awayMs = 0): void {
    this.#parkedAt.set(client, performance.now() - awayMs);
    this.#clients.parkedCount = this.size;
    this.#timer ??= setInterval(this.#check, CHECK_MS).unref();
    const [first] = this.#parkedAt.keys();
    if (this.size > this.#options.maxParked && first !== undefined) this.#end(first);
  }

  /** Time for which a client is parked, in milliseconds; 0 if it is not. */
  awayMs(client: ClientConnection): number {
    const parkedAt = this.#parkedAt.get(client);
    return parkedAt === undefined ? 0 : performance.now() - parkedAt;
  }

  /** Removes a client that has resumed or ended. Returns the time for which it was parked, in milliseconds. */
  remove(client: ClientConnection): number {
    const awayMs = this.awayMs(client);
    this.#parkedAt.delete(client);
    this.#clients.parkedCount = this.size;
    return awayMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #endExpired(): void {
    const oldest = performance.now() - this.#options.windowMs;
    // All of them, because clients of other gateways were parked before they came.
    for (const [client, parkedAt] of this.#parkedAt) if (parkedAt <= oldest) this.#end(client);
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
