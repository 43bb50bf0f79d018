import type { WorkerLink } from './worker-link.ts';
import type { RoutableClient, WorkerRouter } from './worker-router.ts';

/** The ready business workers of one route. */
export class WorkerPool {
  readonly #router: WorkerRouter;
  /** Frozen, because it is passed to the router function of the application. */
  #links: readonly WorkerLink[] = Object.freeze([]);
  /** The workers that the router chooses from, frozen too. */
  #candidates: readonly WorkerLink[] = this.#links;

  constructor(router: WorkerRouter) {
    this.#router = router;
  }

  /** Number of workers. */
  get size(): number {
    return this.#links.length;
  }

  /** The workers, in the order in which they were added. */
  get links(): readonly WorkerLink[] {
    return this.#links;
  }

  /** True when at least one worker decides about handshakes. */
  get decideHandshakes(): boolean {
    return this.#links.some((link) => link.decidesHandshakes);
  }

  /** Adds a worker. */
  add(link: WorkerLink): void {
    this.#links = Object.freeze([...this.#links, link]);
    this.refresh();
  }

  /** Removes a worker; no effect if it is not in the pool. */
  remove(link: WorkerLink): void {
    this.#links = Object.freeze(this.#links.filter((other) => other !== link));
    this.refresh();
  }

  /** Updates the candidates after the link of a worker was suspended or resumed. */
  refresh(): void {
    const active = this.#links.filter(({ isSuspended }) => !isSuspended);
    this.#candidates = active.length === 0 ? this.#links : Object.freeze(active);
  }

  /** Chooses a worker for a client, a suspended one only if all are; `undefined` when the pool is empty. */
  choose(client: RoutableClient): WorkerLink | undefined {
    return this.#router.choose(this.#candidates, client);
  }
}
