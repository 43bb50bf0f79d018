import type { Guard } from '@gatewayworker/core';
import { Command } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { WorkerLink } from './worker-link.ts';

/**
 * The workers that take no new events because they are to end, and their clients that leave them: one
 * without events in flight when its turn comes, any other when its last event is finished.
 */
export class WorkerDrains {
  /** Each with those of its clients that were not looked at for the first time. */
  readonly #clientsLeft = new Map<WorkerLink, Iterator<ClientConnection>>();
  readonly #onLeft: (client: ClientConnection) => void;
  /** `leave` for one of many: a client that throws ends alone. */
  readonly #move: (worker: WorkerLink, client: ClientConnection) => boolean | undefined;

  /** @param onLeft - finds another worker for a client that has none now, and may have held events */
  constructor(guard: Guard, onLeft: (client: ClientConnection) => void) {
    this.#onLeft = onLeft;
    this.#move = guard.wrap(
      'client move',
      (worker: WorkerLink, client: ClientConnection) => this.leave(worker, client),
      (error, _worker, client) => client.socket.fail(error),
    );
  }

  /** The workers. */
  get links(): Iterable<WorkerLink> {
    return this.#clientsLeft.keys();
  }

  /** A worker takes no new events. */
  add(worker: WorkerLink): void {
    worker.isDraining = true;
    this.#clientsLeft.set(worker, worker.clients.values());
  }

  /** A worker is gone. */
  remove(worker: WorkerLink): void {
    this.#clientsLeft.delete(worker);
  }

  /** Moves clients without events in flight; answers how many fewer than `limit` there were. */
  moveIdle(limit: number): number {
    let left = limit;
    for (const [worker, clients] of this.#clientsLeft) {
      while (left > 0) {
        const next = clients.next();
        if (next.done === true) break;
        if (this.#move(worker, next.value) === true) left -= 1;
      }
      this.check(worker);
    }
    return left;
  }

  /** Takes a client from its worker, unless the worker has not finished with it. */
  leave(worker: WorkerLink, client: ClientConnection): boolean {
    const heldEvents = client.held?.length ?? 0;
    if (client.eventsInFlight > heldEvents) return false;
    // The worker had the end of this client.
    if (heldEvents === 0 && !worker.clients.has(client)) return false;
    worker.detach(client);
    this.#onLeft(client);
    return true;
  }

  /** Tells a worker, once, when nothing of it is in flight any more. */
  check(worker: WorkerLink): void {
    if (!this.#clientsLeft.has(worker) || worker.isDrained) return;
    const { eventsInFlight, clients, handshakes } = worker;
    if (eventsInFlight > 0 || clients.size > 0 || handshakes.size > 0) return;
    worker.isDrained = true;
    worker.connection.signal(Command.WorkerDrained);
  }
}
