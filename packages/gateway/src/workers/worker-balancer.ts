import type { FrameConnection, Guard, Logger } from '@gatewayworker/core';
import { Command } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientRoutes } from '../routes/client-routes.ts';
import type { WorkerLink } from './worker-link.ts';

/** Interval of the balancer, in milliseconds. */
export const BALANCE_INTERVAL_MS = 1000;

/** Differences up to this number of clients, or this fraction of the larger worker, are left alone. */
const TOLERATED_CLIENTS = 2;
const TOLERATED_FRACTION = 0.1;

/** Clients that are checked per wanted move, because some have events in flight. */
const CHECKED_PER_MOVE = 10;

/** Limits of the balancer. */
export interface WorkerBalancerOptions {
  /** Clients moved per second in all routes; 0 disables the balancer. */
  readonly rebalancePerSecond: number;
}

/** Moves a client without events in flight. */
type Move = (client: ClientConnection, from: WorkerLink, to: WorkerLink) => void;

/** Dependencies of the balancer. */
interface WorkerBalancerContext {
  readonly routes: ClientRoutes;
  readonly guard: Guard;
  readonly logger: Logger;
}

/**
 * Moves idle clients from the worker of a route with the most clients to the one with the fewest, so that a worker that
 * starts later gets its share of the connected clients.
 *
 * It does not oscillate: a move always makes the difference smaller, and small differences are left alone.
 */
export class WorkerBalancer {
  readonly #maxMoves: number;
  readonly #routes: ClientRoutes;
  readonly #logger: Logger;
  readonly #move: Move;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Position of the search for idle clients, by worker. */
  readonly #cursors = new WeakMap<WorkerLink, Iterator<ClientConnection>>();
  /** Number of reads of each link when it was last pinged. */
  readonly #readsAtPing = new WeakMap<FrameConnection, number>();

  constructor(
    { rebalancePerSecond }: WorkerBalancerOptions,
    { routes, guard, logger }: WorkerBalancerContext,
    move: Move,
  ) {
    this.#maxMoves = rebalancePerSecond;
    this.#routes = routes;
    this.#logger = logger;
    this.#move = guard.wrap('client rebalance', move, (error, client) => client.socket.fail(error));
    if (rebalancePerSecond === 0) return;
    this.#timer = setInterval(() => this.#balance(), BALANCE_INTERVAL_MS).unref();
  }

  /** Stops the balancer. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Moves up to `rebalancePerSecond` clients. */
  #balance(): void {
    const maxMoves = this.#maxMoves;
    let left = maxMoves;
    for (const { workers } of this.#routes.all) {
      const present = workers.links.filter(({ isSuspended }) => !isSuspended);
      if (present.length < 2) continue;
      const targets = present.filter((worker) => this.#isResponsive(worker));
      while (left > 0) {
        const moved = this.#moveBetween(present, targets, left);
        if (moved === 0) break;
        left -= moved;
      }
    }
    if (left < maxMoves) this.#logger.info({ clients: maxMoves - left }, 'idle clients rebalanced');
  }

  /**
   * Pings a worker, and returns whether it answered the ping of the last interval. Clients must not move to a worker
   * that hangs, or that was never pinged.
   */
  #isResponsive({ connection }: WorkerLink): boolean {
    const before = this.#readsAtPing.get(connection);
    this.#readsAtPing.set(connection, connection.reads);
    connection.signal(Command.Ping);
    return before !== undefined && connection.reads > before;
  }

  /** Moves clients between the workers with the most and the fewest clients. Returns the number of moved clients. */
  #moveBetween(
    workers: readonly WorkerLink[],
    targets: readonly WorkerLink[],
    limit: number,
  ): number {
    const from = workers.reduce(larger, workers[0]);
    const to = targets.reduce(smaller, targets[0]);
    if (from === undefined || to === undefined) return 0;
    const difference = from.connections - to.connections;
    const tolerated = Math.max(TOLERATED_CLIENTS, from.connections * TOLERATED_FRACTION);
    if (difference <= tolerated) return 0;
    const wanted = Math.min(limit, Math.floor(difference / 2));
    let moved = 0;
    for (const client of this.#nextClients(from, wanted * CHECKED_PER_MOVE)) {
      if (client.eventsInFlight > 0 || client.isClosing || client.worker !== from) continue;
      this.#move(client, from, to);
      moved += 1;
      if (moved === wanted) break;
    }
    return moved;
  }

  /** Returns up to `count` clients of a worker, and continues behind them on the next call. */
  *#nextClients(worker: WorkerLink, count: number): Generator<ClientConnection> {
    const clients = this.#cursors.get(worker) ?? worker.clients.values();
    this.#cursors.set(worker, clients);
    for (let index = 0; index < count; index += 1) {
      const next = clients.next();
      if (next.done === true) {
        this.#cursors.delete(worker);
        return;
      }
      yield next.value;
    }
  }
}

function larger(a: WorkerLink | undefined, b: WorkerLink): WorkerLink {
  return a === undefined || b.connections > a.connections ? b : a;
}

function smaller(a: WorkerLink | undefined, b: WorkerLink): WorkerLink {
  return a === undefined || b.connections < a.connections ? b : a;
}
