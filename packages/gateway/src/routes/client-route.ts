import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import {
  HeldEvents,
  type HeldEventsContext,
  type HeldEventsOptions,
} from '../workers/held-events.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';

/** Dependencies of a route. */
export type ClientRouteContext = Pick<
  HeldEventsContext,
  'limits' | 'guard' | 'logger' | 'onExpired'
>;

/**
 * A pool of workers, the clients that wait for one of them, and their held events. Routes share nothing, so that a
 * route without workers does not affect the clients of others.
 */
export class ClientRoute {
  readonly workers: WorkerPool;
  /** False when clients of this route are refused. */
  readonly isOpen: boolean;
  /** Clients without a worker, closed ones with held events included. */
  readonly unbound: Set<ClientConnection> = new Set();
  readonly held: HeldEvents;

  constructor(
    workers: WorkerPool,
    options: HeldEventsOptions & { readonly isOpen: boolean },
    context: ClientRouteContext,
  ) {
    this.workers = workers;
    this.isOpen = options.isOpen;
    this.held = new HeldEvents(options, {
      ...context,
      hasWorker: () => workers.size > 0,
      onForgotten: (client) => this.unbound.delete(client),
    });
  }

  /** Holds an event of a client that has no worker, or whose worker takes no new events. */
  hold(client: ClientConnection, event: ClientEvent): void {
    const { worker } = client;
    if (worker === undefined) {
      this.unbound.add(client);
    } else if (event.kind === 'closed') {
      worker.keepClosedClient(client);
    }
    this.held.add(client, event);
  }

  /** Takes the worker from a client: it waits for another one. */
  unbind(client: ClientConnection): void {
    client.worker = undefined;
    this.unbound.add(client);
    this.held.startTimeout(client);
  }
}
