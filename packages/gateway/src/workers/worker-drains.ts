import type { Guard } from '@gatewayworker/core';
import { Command } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { WorkerLink } from './worker-link.ts';

/**
 * The draining workers. They get no new events, and their clients move to other workers: idle clients a few per turn,
 * any other client when its last event is acknowledged.
 */
export class WorkerDrains {
  /** Each worker with its clients that are not checked yet. */
  readonly #unchecked = new Map<WorkerLink, Iterator<ClientConnection>>();
  readonly #rebind: (client: ClientConnection) => void;
  /** `move` for one of many clients; an exception ends only that client. */
  readonly #moveGuarded: (worker: WorkerLink, client: ClientConnection) => boolean | undefined;

  /** @param rebind - finds another worker for a detached client, which may have held events */
  constructor(guard: Guard, rebind: (client: ClientConnection) => void) {
    this.#rebind = rebind;
    this.#moveGuarded = guard.wrap(
      'client move',
      (worker: WorkerLink, client: ClientConnection) => this.move(worker, client),
      (error, _worker, client) => client.socket.fail(error),
    );
  }

  /** The draining workers. */
  get links(): Iterable<WorkerLink> {
    return this.#unchecked.keys();
  }

  /** Starts to drain a worker. */
  add(worker: WorkerLink): void {
    worker.isDraining = true;
    this.#unchecked.set(worker, worker.clients.values());
  }

  /** Removes a worker that has ended. */
  remove(worker: WorkerLink): void {
    this.#unchecked.delete(worker);
  }

  /** Moves up to `limit` idle clients. Returns how much of the limit is left. */
  moveIdle(limit: number): number {
    let left = limit;
    for (const [worker, clients] of this.#unchecked) {
      while (left > 0) {
        const next = clients.next();
        if (next.done === true) break;
        if (this.#moveGuarded(worker, next.value) === true) left -= 1;
      }
      this.check(worker);
    }
    return left;
  }

  /** Moves a client to another worker, unless the draining worker has unacknowledged events of it. */
  move(worker: WorkerLink, client: ClientConnection): boolean {
    const heldEvents = client.held?.length ?? 0;
    if (client.eventsInFlight > heldEvents) return false;
    // The worker has received `onClose` of this client.
    if (heldEvents === 0 && !worker.clients.has(client)) return false;
    worker.detach(client);
    this.#rebind(client);
    return true;
  }

  /** Sends WorkerDrained, once, when the worker has no clients, events or handshake requests. */
  check(worker: WorkerLink): void {
    if (!this.#unchecked.has(worker) || worker.isDrained) return;
    const { eventsInFlight, clients, handshakes } = worker;
    if (eventsInFlight > 0 || clients.size > 0 || handshakes.size > 0) return;
    worker.isDrained = true;
    worker.connection.signal(Command.WorkerDrained);
  }
}
