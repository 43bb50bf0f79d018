import { randomInt } from 'node:crypto';
import { type ThrottledLog, toError } from '@gatewayworker/core';
import type { ClientRequest } from '@gatewayworker/protocol';
import { isUnexpectedPromise } from '../unexpected-promise.ts';

/** A worker, as a router sees it. */
export interface RoutableWorker {
  /** Random id of the worker process, new at every start. */
  readonly instanceId: string;
  /** Name of its declaration. */
  readonly name: string;
  /** Number of its process within the declaration, from 0. */
  readonly id: number;
  /** Clients of this gateway process that are bound to it. */
  readonly connections: number;
  /** Events of this gateway process that it has not acknowledged. */
  readonly eventsInFlight: number;
}

/** A client, as a router sees it. */
export interface RoutableClient {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The handshake; `undefined` when the protocol has none. */
  readonly request: ClientRequest | undefined;
}

/** Chooses one of at least one worker for a client. It must return the worker, not a promise. */
export type RouterFunction = (
  workers: readonly RoutableWorker[],
  client: RoutableClient,
) => RoutableWorker;

/** Names of the built-in routers. */
export const routerNames = ['leastConnections', 'random', 'roundRobin'] as const;

/** How the worker of a client is chosen. */
export type Router = (typeof routerNames)[number] | RouterFunction;

/** Chooses the worker of a client; `undefined` when there is none. */
export interface WorkerRouter {
  choose<Worker extends RoutableWorker>(
    workers: readonly Worker[],
    client: RoutableClient,
  ): Worker | undefined;
}

/** Creates the router for the `router` option. */
export function createRouter(router: Router, log: ThrottledLog): WorkerRouter {
  switch (router) {
    case 'leastConnections':
      return new LeastConnectionsRouter();
    case 'random':
      return new RandomRouter();
    case 'roundRobin':
      return new RoundRobinRouter();
    default:
      return new FunctionRouter(router, log);
  }
}

/** Chooses the worker with the fewest clients; workers with the same number take turns. */
export class LeastConnectionsRouter implements WorkerRouter {
  #turn = 0;

  choose<Worker extends RoutableWorker>(workers: readonly Worker[]): Worker | undefined {
    const { length } = workers;
    let best: Worker | undefined;
    this.#turn = (this.#turn + 1) % Math.max(1, length);
    for (let i = 0; i < length; i++) {
      const worker = workers[(this.#turn + i) % length];
      if (worker === undefined) continue;
      if (best === undefined || worker.connections < best.connections) best = worker;
    }
    return best;
  }
}

/** Chooses a random worker. */
class RandomRouter implements WorkerRouter {
  choose<Worker extends RoutableWorker>(workers: readonly Worker[]): Worker | undefined {
    return workers.length === 0 ? undefined : workers[randomInt(workers.length)];
  }
}

/** Chooses the workers in turn. */
class RoundRobinRouter implements WorkerRouter {
  #turn = -1;

  choose<Worker extends RoutableWorker>(workers: readonly Worker[]): Worker | undefined {
    this.#turn = (this.#turn + 1) % Math.max(1, workers.length);
    return workers[this.#turn];
  }
}

/** Calls the function of the application; falls back to least connections if it fails. */
class FunctionRouter implements WorkerRouter {
  readonly #router: RouterFunction;
  readonly #log: ThrottledLog;
  readonly #fallback = new LeastConnectionsRouter();
  #hasAnsweredPromise = false;

  constructor(router: RouterFunction, log: ThrottledLog) {
    this.#router = router;
    this.#log = log;
  }

  choose<Worker extends RoutableWorker>(
    workers: readonly Worker[],
    client: RoutableClient,
  ): Worker | undefined {
    if (workers.length === 0) return undefined;
    try {
      const choice = this.#router(workers, client);
      const chosen = workers.find((worker) => worker === choice);
      if (chosen !== undefined) return chosen;
      if (isUnexpectedPromise(choice)) this.#reportPromise();
      else this.#log.error({}, 'the router function returned none of the given workers');
    } catch (thrown) {
      this.#log.error({ err: toError(thrown) }, 'the router function failed');
    }
    return this.#fallback.choose(workers);
  }

  /** Logs once, because an `async` function returns a promise every time. */
  #reportPromise(): void {
    if (this.#hasAnsweredPromise) return;
    this.#hasAnsweredPromise = true;
    this.#log.error({}, 'the router function returned a promise; it must return a worker');
  }
}
