import type { FrameConnection, Guard, Logger } from '@gatewayworker/core';
import { Command } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientRoutes } from '../routes/client-routes.ts';
import type { WorkerLink } from './worker-link.ts';

/** How often the balancer looks at the workers, in milliseconds. */
export const BALANCE_INTERVAL_MS = 1000;

/** A worker may have this many clients more than another one, and this part of its own, before it gives any away. */
const TOLERATED_CLIENTS = 2;
const TOLERATED_PART = 0.1;

/** Clients that are looked at for each that may move: the others have events in flight. */
const LOOKED_AT_PER_MOVE = 10;

/** Limits of the balancer. */
export interface WorkerBalancerOptions {
  /** Clients that move in a second, of all routes together; 0 moves none. */
  readonly rebalancePerSecond: number;
}

/** Moves a client without events in flight. */
type Move = (client: ClientConnection, from: WorkerLink, to: WorkerLink) => void;

/** What the balancer needs. */
interface WorkerBalancerContext {
  readonly routes: ClientRoutes;
  readonly guard: Guard;
  readonly logger: Logger;
}

/**
 * Moves idle clients from the worker of a route with the most clients to the one with the fewest: a worker that
 * comes later than the others, or again after a crash, gets its share of the clients that are there.
 *
 * It never oscillates: a move only ever makes a difference smaller, and small differences stay.
 */
export class WorkerBalancer {
  readonly #maxMoves: number;
  readonly #routes: ClientRoutes;
  readonly #logger: Logger;
  readonly #move: Move;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Where the search for idle clients of each worker continues. */
  readonly #cursors = new WeakMap<WorkerLink, Iterator<ClientConnection>>();
  /** Chunks that had come over the link of each worker when it was pinged last. */
  readonly #pinged = new WeakMap<FrameConnection, number>();

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

  /** Moves no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Moves as many clients as one interval allows. */
  #balance(): void {
    const maxMoves = this.#maxMoves;
    let left = maxMoves;
    for (const { workers } of this.#routes.all) {
      const present = workers.links.filter(({ isSuspended }) => !isSuspended);
      if (present.length < 2) continue;
      const takers = present.filter((worker) => this.#isResponsive(worker));
      while (left > 0) {
        const moved = this.#moveBetween(present, takers, left);
        if (moved === 0) break;
        left -= moved;
      }
    }
    if (left < maxMoves) this.#logger.info({ clients: maxMoves - left }, 'idle clients rebalanced');
  }

  /**
   * Whether a worker has answered the ping of the last interval: clients must not move to one that hangs, and one
   * that was started a moment ago has shown nothing yet.
   */
  #isResponsive({ connection }: WorkerLink): boolean {
    const before = this.#pinged.get(connection);
    this.#pinged.set(connection, connection.reads);
    connection.signal(Command.Ping);
    return before !== undefined && connection.reads > before;
  }

  /** Levels the workers with the most and the fewest clients; answers how many have moved. */
  #moveBetween(
    workers: readonly WorkerLink[],
    takers: readonly WorkerLink[],
    limit: number,
  ): number {
    const from = workers.reduce(larger, workers[0]);
    const to = takers.reduce(smaller, takers[0]);
    if (from === undefined || to === undefined) return 0;
    const difference = from.connections - to.connections;
    const tolerated = Math.max(TOLERATED_CLIENTS, from.connections * TOLERATED_PART);
    if (difference <= tolerated) return 0;
    const wanted = Math.min(limit, Math.floor(difference / 2));
    let moved = 0;
    for (const client of this.#lookAt(from, wanted * LOOKED_AT_PER_MOVE)) {
      if (client.eventsInFlight > 0 || client.isClosing || client.worker !== from) continue;
      this.#move(client, from, to);
      moved += 1;
      if (moved === wanted) break;
    }
    return moved;
  }

  /** Some clients of a worker, in the order in which it got them; the next call continues behind them. */
  *#lookAt(worker: WorkerLink, count: number): Generator<ClientConnection> {
    const clients = this.#cursors.get(worker) ?? worker.clients.values();
    this.#cursors.set(worker, clients);
    for (let looked = 0; looked < count; looked += 1) {
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
