import type { WorkerLink } from './worker-link.ts';

/** Chooses the worker that a client is bound to; `undefined` when there is none. */
export interface WorkerRouter {
  choose(workers: readonly WorkerLink[]): WorkerLink | undefined;
}

/** The worker with the fewest clients; among equals they take turns. */
export class LeastConnectionsRouter implements WorkerRouter {
  #turn = 0;

  choose(workers: readonly WorkerLink[]): WorkerLink | undefined {
    const { length } = workers;
    let best: WorkerLink | undefined;
    this.#turn = (this.#turn + 1) % Math.max(1, length);
    for (let i = 0; i < length; i++) {
      const worker = workers[(this.#turn + i) % length];
      if (worker === undefined) continue;
      if (best === undefined || worker.clients.size < best.clients.size) best = worker;
    }
    return best;
  }
}
