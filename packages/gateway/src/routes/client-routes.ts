import type { ClientRequest } from '@gatewayworker/protocol';
import type { HeldEventsOptions } from '../workers/held-events.ts';
import { WorkerPool } from '../workers/worker-pool.ts';
import type { WorkerRouter } from '../workers/worker-router.ts';
import { ClientRoute, type ClientRouteContext } from './client-route.ts';
import { RouteTable } from './route-table.ts';

/** Options of the routes of a gateway. */
export interface ClientRoutesOptions extends HeldEventsOptions {
  /** Worker names by path; with `undefined` every client may get any worker. */
  readonly routes: Readonly<Record<string, string>> | undefined;
}

/**
 * The routes of a gateway: one for each worker name of the `routes` option, or a single one without the option. Paths
 * with the same worker name share a route.
 */
export class ClientRoutes {
  readonly #table: RouteTable | undefined;
  readonly #byWorkerName = new Map<string, ClientRoute>();
  /** Route of all clients and workers that no other route matches. With paths its clients are refused. */
  readonly #default: ClientRoute;
  /** Every route. */
  readonly all: readonly ClientRoute[];

  /** @param createRouter - called once per route, because routers keep state */
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
    this.#default = create(routes === undefined);
    this.all = [...this.#byWorkerName.values(), this.#default];
  }

  /** Finds the route of a client by the path of its handshake; it is not open when no path matches. */
  find(client: { readonly request: ClientRequest | undefined }): ClientRoute {
    if (this.#table === undefined) return this.#default;
    const name = this.#table.find(client.request?.url ?? '');
    return (name === undefined ? undefined : this.#byWorkerName.get(name)) ?? this.#default;
  }

  /** Finds the route of the workers of a name; it is not open when no path has this name. */
  ofWorker(name: string): ClientRoute {
    return this.#byWorkerName.get(name) ?? this.#default;
  }

  /** Describes the routes without a worker, one text each. */
  describeEmpty(): string[] {
    if (this.#table === undefined) {
      return this.#default.workers.size === 0 ? ['no business worker is linked'] : [];
    }
    return [...this.#byWorkerName]
      .filter(([, { workers }]) => workers.size === 0)
      .map(([name]) => `no worker "${name}" is linked`);
  }

  /** Number of ready workers of all routes. */
  get workerCount(): number {
    return this.all.reduce((count, { workers }) => count + workers.size, 0);
  }
}
