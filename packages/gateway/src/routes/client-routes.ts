import type { ClientRequest } from '@gatewayworker/protocol';
import type { HeldEventsOptions } from '../workers/held-events.ts';
import { WorkerPool } from '../workers/worker-pool.ts';
import type { WorkerRouter } from '../workers/worker-router.ts';
import { ClientRoute, type ClientRouteContext } from './client-route.ts';
import { RouteTable } from './route-table.ts';

/** What the routes of a gateway are made of. */
export interface ClientRoutesOptions extends HeldEventsOptions {
  /** Names of workers by path; `undefined` leads every client to all workers. */
  readonly routes: Readonly<Record<string, string>> | undefined;
}

/**
 * Which workers serve which clients: one route for each name of workers that a path leads to, or one for
 * all when there are no paths. Paths that lead to the same name share its route.
 */
export class ClientRoutes {
  readonly #table: RouteTable | undefined;
  readonly #byWorkerName = new Map<string, ClientRoute>();
  /** Of all that have no other. With paths no client is let in by it. */
  readonly #rest: ClientRoute;
  /** Every route. */
  readonly all: readonly ClientRoute[];

  /** @param createRouter - makes the router of each route: their turns are counted apart */
  constructor(
    options: ClientRoutesOptions,
    context: ClientRouteContext & { readonly createRouter: () => WorkerRouter },
  ) {
    const { routes } = options;
    const create = (isOpen: boolean): ClientRoute =>
      new ClientRoute(new WorkerPool(context.createRouter()), { ...options, isOpen }, context);
    if (routes !== undefined) this.#table = new RouteTable(routes);
    for (const name of new Set(Object.values(routes ?? {}))) {
      this.#byWorkerName.set(name, create(true));
    }
    this.#rest = create(routes === undefined);
    this.all = [...this.#byWorkerName.values(), this.#rest];
  }

  /** The route of a client, by its handshake; not open when no path leads anywhere. */
  find(client: { readonly request: ClientRequest | undefined }): ClientRoute {
    if (this.#table === undefined) return this.#rest;
    const name = this.#table.find(client.request?.url ?? '');
    return (name === undefined ? undefined : this.#byWorkerName.get(name)) ?? this.#rest;
  }

  /** The route that leads to the workers of a name; not open when none does. */
  ofWorker(name: string): ClientRoute {
    return this.#byWorkerName.get(name) ?? this.#rest;
  }

  /** Says in plain words which routes have no worker; empty when all have one. */
  describeEmpty(): string[] {
    if (this.#table === undefined) {
      return this.#rest.workers.size === 0 ? ['no business worker is linked'] : [];
    }
    return [...this.#byWorkerName]
      .filter(([, { workers }]) => workers.size === 0)
      .map(([name]) => `no worker "${name}" is linked`);
  }

  /** Number of the workers that are ready, of all routes. */
  get workerCount(): number {
    return this.all.reduce((count, { workers }) => count + workers.size, 0);
  }
}
