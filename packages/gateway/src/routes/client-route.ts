import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import {
  HeldEvents,
  type HeldEventsContext,
  type HeldEventsOptions,
} from '../workers/held-events.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';

/** What a route tells about its clients. */
export type ClientRouteContext = Pick<
  HeldEventsContext,
  'limits' | 'guard' | 'logger' | 'onExpired'
>;

/**
 * Where clients of a kind find their workers, and what waits while there is none: nothing of it touches
 * the clients of other routes.
 */
export class ClientRoute {
  readonly workers: WorkerPool;
  /** False when no client is let in by it. */
  readonly isOpen: boolean;
  /** Clients without a worker, those that closed meanwhile included. */
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

  /** Holds an event of a client that has no worker, or one that takes no new events. */
  hold(client: ClientConnection, event: ClientEvent): void {
    const { worker } = client;
    if (worker === undefined) {
      this.unbound.add(client);
    } else if (event.kind === 'closed') {
      worker.keepClosedClient(client);
    }
    this.held.add(client, event);
  }

  /** A client is without a worker until there is one. */
  unbind(client: ClientConnection): void {
    client.worker = undefined;
    this.unbound.add(client);
    this.held.startTime(client);
  }
}
