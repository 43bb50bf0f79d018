import type { WorkerLink } from './worker-link.ts';
import type { RoutableClient, WorkerRouter } from './worker-router.ts';

/** The business workers that are linked to this gateway and ready for clients. */
export class WorkerPool {
  readonly #router: WorkerRouter;
  #links: readonly WorkerLink[] = [];

  constructor(router: WorkerRouter) {
    this.#router = router;
  }

  /** Number of workers. */
  get size(): number {
    return this.#links.length;
  }

  /** The workers, in the order in which they came. */
  get links(): readonly WorkerLink[] {
    return this.#links;
  }

  /** True when a worker is to be asked about handshakes. */
  get decideHandshakes(): boolean {
    return this.#links.some((link) => link.decidesHandshakes);
  }

  /** Adds a worker. */
  add(link: WorkerLink): void {
    this.#links = [...this.#links, link];
  }

  /** Removes a worker; one that is not there is ignored. */
  remove(link: WorkerLink): void {
    this.#links = this.#links.filter((other) => other !== link);
  }

  /** Chooses a worker for a client; `undefined` while none is ready. */
  choose(client: RoutableClient): WorkerLink | undefined {
    return this.#router.choose(this.#links, client);
  }
}
