import type { WorkerLink } from './worker-link.ts';
import type { RoutableClient, WorkerRouter } from './worker-router.ts';

/** The business workers that are linked to this gateway and ready for clients. */
export class WorkerPool {
  readonly #router: WorkerRouter;
  /** Frozen: a router function of the application's own is given it. */
  #links: readonly WorkerLink[] = Object.freeze([]);
  /** Those to choose from, frozen too. */
  #present: readonly WorkerLink[] = this.#links;

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
    this.#links = Object.freeze([...this.#links, link]);
    this.refresh();
  }

  /** Removes a worker; one that is not there is ignored. */
  remove(link: WorkerLink): void {
    this.#links = Object.freeze(this.#links.filter((other) => other !== link));
    this.refresh();
  }

  /** A worker went away, or came back. */
  refresh(): void {
    const present = this.#links.filter(({ isSuspended }) => !isSuspended);
    this.#present = present.length === 0 ? this.#links : Object.freeze(present);
  }

  /** Chooses a worker for a client, one that is away only when all are; `undefined` while none is ready. */
  choose(client: RoutableClient): WorkerLink | undefined {
    return this.#router.choose(this.#present, client);
  }
}
