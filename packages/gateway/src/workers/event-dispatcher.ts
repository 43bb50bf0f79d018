import type { Logger, ThrottledLog } from '@gatewayworker/core';
import { payloadFlags, writeClientMessage, writeNumberedMessage } from '@gatewayworker/protocol';
import {
  type ClientConnection,
  keepMessage,
  keepUnacknowledged,
  takeUnacknowledged,
} from '../clients/client-connection.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { ClientRoute } from '../routes/client-route.ts';
import type { ClientRoutes } from '../routes/client-routes.ts';
import type { ClientClosure } from '../transports/transport.ts';
import type { ClientEvent } from './client-event.ts';
import {
  applyAck,
  type EventsAck,
  EventsInFlight,
  type EventsInFlightOptions,
  payloadBytes,
  payloadLength,
} from './events-in-flight.ts';
import { WorkerBalancer, type WorkerBalancerOptions } from './worker-balancer.ts';
import { WorkerDrains } from './worker-drains.ts';
import type { WorkerLink } from './worker-link.ts';
import { writeAttached, writeEvent } from './write-event.ts';

/** Clients bound in one turn of the event loop when a worker is added, removed or drained. */
const BINDS_PER_TURN = 256;

/** Limits of the dispatcher. */
export interface EventDispatcherOptions extends EventsInFlightOptions, WorkerBalancerOptions {
  readonly sendToWorkerBufferSize: number;
}

/**
 * Sends the events of clients to workers. Each client has one worker at a time, and its events keep their order. Held
 * events are bounded, because reading from the client pauses.
 */
export class EventDispatcher {
  readonly #options: EventDispatcherOptions;
  readonly #routes: ClientRoutes;
  readonly #limits: LimitCounters;
  readonly #logger: Logger;
  readonly #clientLog: ThrottledLog;
  readonly #inFlight: EventsInFlight;
  readonly #drains: WorkerDrains;
  readonly #balancer: WorkerBalancer;
  /** `#bind` for one of many clients; an exception ends only that client. Returns false when no worker is ready. */
  readonly #bindGuarded: (client: ClientConnection) => boolean | undefined;
  /** `#recoverClient` for one of many clients; an exception ends only that client. */
  readonly #recover: (client: ClientConnection, worker: WorkerLink) => number | undefined;
  #bindTimer: NodeJS.Immediate | undefined;

  constructor(
    options: EventDispatcherOptions,
    context: Pick<GatewayState, 'limits' | 'guard' | 'logger' | 'clientLog'> & {
      readonly routes: ClientRoutes;
    },
  ) {
    this.#options = options;
    this.#routes = context.routes;
    this.#limits = context.limits;
    this.#inFlight = new EventsInFlight(options, context.limits, (worker, client) =>
      this.#deliverHeld(worker, client),
    );
    this.#logger = context.logger;
    this.#clientLog = context.clientLog;
    const { guard } = context;
    this.#drains = new WorkerDrains(guard, (client) => {
      if (this.#bind(client) === undefined) this.#routeOf(client).unbind(client);
    });
    this.#bindGuarded = guard.wrap(
      'client bind',
      (client: ClientConnection) => this.#bind(client) !== undefined,
      (error, client) => {
        client.route?.unbound.delete(client);
        client.socket.fail(error);
      },
    );
    this.#recover = guard.wrap(
      'client of a lost worker',
      (client: ClientConnection, worker: WorkerLink) => this.#recoverClient(client, worker),
      (error, client) => {
        client.worker = undefined;
        client.socket.fail(error);
      },
    );
    this.#balancer = new WorkerBalancer(options, context, (client, from, to) => {
      from.detach(client);
      this.#bindTo(client, to);
    });
  }

  /** Events that are held, or not acknowledged by a worker. */
  get eventsInFlight(): number {
    return this.heldEvents + this.#eventsAtWorkers;
  }

  /** Events in flight except those that are held by a route without workers. */
  get eventsWithWorkers(): number {
    let count = this.#eventsAtWorkers;
    for (const { workers, held } of this.#routes.all) if (workers.size > 0) count += held.count;
    return count;
  }

  /** Events that are held. */
  get heldEvents(): number {
    return this.#routes.all.reduce((count, { held }) => count + held.count, 0);
  }

  /** Dispatches `onConnect` of a client. The worker that admitted it gets the client if it is still linked. */
  dispatchConnected(client: ClientConnection, admittedBy?: WorkerLink): void {
    if (admittedBy !== undefined && this.#routeOf(client).workers.links.includes(admittedBy)) {
      this.#bindTo(client, admittedBy);
    }
    this.#dispatch(client, { kind: 'connected', attempts: 0 });
  }

  /** Dispatches a message, `source[start, end)`. It is read during the call. */
  dispatchMessage(
    client: ClientConnection,
    source: Buffer,
    start: number,
    end: number,
    isBinary: boolean,
  ): void {
    const worker = this.#routeEvent(client, end - start);
    const number = client.resumable?.lastNumber ?? 0;
    if (worker === undefined) {
      const event = keepMessage(source, start, end, { isBinary, number });
      this.#routeOf(client).hold(client, event);
      return;
    }
    if (worker.redelivers) {
      keepUnacknowledged(client, keepMessage(source, start, end, { isBinary, number }));
    }
    const writer = worker.connection.writer();
    const { connection } = client;
    const flags = payloadFlags(isBinary, false);
    if (number === 0) writeClientMessage(writer, connection, flags, source, start, end);
    else writeNumberedMessage(writer, { connection, flags, number }, source, start, end);
    this.#inFlight.pauseIfWorkerFull(worker, client);
    if (worker.pauseIfLinkFull(client, this.#options.sendToWorkerBufferSize)) {
      this.#limits.workerLinkFull += 1;
    }
  }

  /** Attaches a client from another gateway to its worker. */
  attach(client: ClientConnection, worker: WorkerLink): void {
    this.#bindTo(client, worker);
  }

  /** Dispatches any other event of a client that can resume. */
  dispatchEvent(client: ClientConnection, event: ClientEvent): void {
    this.#dispatch(client, event, payloadLength(event));
  }

  /** Dispatches `onClose` of a client. */
  dispatchClosed(client: ClientConnection, closure: ClientClosure): void {
    if (client.isSuppressed || this.#routeOf(client).held.consumeSuppressedClose(client)) return;
    this.#dispatch(client, { kind: 'closed', closure, attempts: 0 });
  }

  /** Drops the held events of a client and sends no further ones: the application has received its `onClose` already. */
  suppressEvents(client: ClientConnection): void {
    const { worker } = client;
    const route = this.#routeOf(client);
    client.isSuppressed = true;
    client.unacknowledged = undefined;
    route.held.drop(client);
    route.unbound.delete(client);
    worker?.detach(client);
  }

  /**
   * Handles an acknowledgement.
   *
   * @param client - `undefined` when it is closed and the worker does not redeliver
   * @throws {GW_ERR_FRAME_MALFORMED} when the worker or the client has fewer events or bytes in flight
   */
  handleAck(worker: WorkerLink, client: ClientConnection | undefined, ack: EventsAck): void {
    const isOwn = client?.worker === worker;
    applyAck(worker, isOwn ? client : undefined, ack);
    if (isOwn) this.#handleClientAck(client, worker, ack.count);
    this.#inFlight.resumeClientsOf(worker);
    if (worker.isDraining) this.#drains.check(worker);
  }

  /** Adds a ready worker, and binds clients that wait for one. */
  addWorker(worker: WorkerLink): void {
    const { workers, isOpen } = this.#routes.ofWorker(worker.name);
    if (worker.isDraining || workers.links.includes(worker)) return;
    workers.add(worker);
    const bound = { worker: `${worker.name}#${worker.id}` };
    if (!isOpen) this.#logger.info(bound, 'worker has no route and gets no clients');
    this.#bindMore();
  }

  /** Drains a worker: it gets no new events, and its clients move to others. */
  drainWorker(worker: WorkerLink): void {
    if (worker.isDraining) return;
    this.#routes.ofWorker(worker.name).workers.remove(worker);
    this.#drains.add(worker);
    this.#bindMore();
  }

  /** Holds new events of the clients of a worker while its broken link may be resumed. */
  suspendWorker(worker: WorkerLink): void {
    worker.isSuspended = true;
    this.#routes.ofWorker(worker.name).workers.refresh();
  }

  /** Sends the held events after the link of a worker is resumed. */
  resumeWorker(worker: WorkerLink): void {
    worker.isSuspended = false;
    this.#routes.ofWorker(worker.name).workers.refresh();
    for (const client of [...worker.clients, ...worker.closedClients.values()]) {
      if (client.held !== undefined) this.#deliverHeld(worker, client);
    }
  }

  /** Checks whether a draining worker is done, after a handshake request has ended. */
  handleDecided(worker: WorkerLink): void {
    if (worker.isDraining) this.#drains.check(worker);
  }

  /** Removes a worker whose link has ended, and binds its clients to others. Its unacknowledged events are redelivered or lost. */
  removeWorker(worker: WorkerLink): void {
    this.#routes.ofWorker(worker.name).workers.remove(worker);
    this.#drains.remove(worker);
    worker.resumeForRoom();
    for (const client of worker.clientsPausedForLoad) worker.resumeForLoad(client);
    let redelivered = 0;
    for (const client of [...worker.clients, ...worker.closedClients.values()]) {
      redelivered += this.#recover(client, worker) ?? 0;
    }
    worker.clients.clear();
    worker.closedClients.clear();
    const lost = worker.eventsInFlight - redelivered;
    const bound = { worker: `${worker.name}#${worker.id}` };
    if (redelivered > 0) this.#logger.warn({ ...bound, events: redelivered }, 'events redelivered');
    if (lost > 0) {
      this.#limits.lostEvents += lost;
      this.#logger.warn(
        { ...bound, events: lost },
        'events lost: the link of the worker ended before it acknowledged them',
      );
    }
    this.#bindMore();
  }

  /** Stops all timers. */
  close(): void {
    clearImmediate(this.#bindTimer);
    this.#balancer.close();
    for (const { held } of this.#routes.all) held.close();
  }

  get #eventsAtWorkers(): number {
    let count = 0;
    for (const { workers } of this.#routes.all) {
      for (const worker of workers.links) count += worker.eventsInFlight;
    }
    for (const worker of this.#drains.links) count += worker.eventsInFlight;
    return count;
  }

  /** Returns the route of a client, which never changes. */
  #routeOf(client: ClientConnection): ClientRoute {
    client.route ??= this.#routes.find(client.socket);
    return client.route;
  }

  #dispatch(client: ClientConnection, event: ClientEvent, byteLength = 0): void {
    const worker = this.#routeEvent(client, byteLength);
    if (worker === undefined) this.#routeOf(client).hold(client, event);
    else this.#deliver(client, worker, event);
  }

  /** Counts an event, and returns the worker that gets it now; `undefined` when the event must be held. */
  #routeEvent(client: ClientConnection, byteLength = 0): WorkerLink | undefined {
    let worker = client.worker ?? this.#bind(client);
    if (worker?.isDraining) worker = this.#drains.move(worker, client) ? client.worker : undefined;
    if (client.held !== undefined || worker?.isSuspended) worker = undefined;
    if (worker !== undefined && this.#inFlight.pauseIfWorkerFull(worker, client))
      worker = undefined;
    client.eventsInFlight += 1;
    client.eventBytesInFlight += byteLength;
    if (worker !== undefined) {
      worker.eventsInFlight += 1;
      worker.eventBytesInFlight += byteLength;
    }
    this.#inFlight.pauseFullClient(client);
    return worker;
  }

  #handleClientAck(client: ClientConnection, worker: WorkerLink, count: number): void {
    client.resumable?.acknowledge(count);
    if (client.unacknowledged !== undefined) {
      client.unacknowledged.splice(0, count);
      if (client.unacknowledged.length === 0) client.unacknowledged = undefined;
      const isDone = client.unacknowledged === undefined && client.held === undefined;
      if (isDone) worker.closedClients.delete(client.connection);
    }
    if (worker.isDraining) this.#drains.move(worker, client);
    this.#inFlight.resumeFreeClient(client);
  }

  /** Binds a client to a worker of its route. */
  #bind(client: ClientConnection): WorkerLink | undefined {
    const worker = this.#routeOf(client).workers.choose(client.socket);
    if (worker !== undefined) this.#bindTo(client, worker);
    return worker;
  }

  #bindTo(client: ClientConnection, worker: WorkerLink): void {
    this.#routeOf(client).unbound.delete(client);
    client.worker = worker;
    client.appliedChanges = 0;
    client.appliedUidChanges = 0;
    worker.clients.add(client);
    writeAttached(worker.connection, client);
    this.#flushHeld(client, worker);
  }

  /** Holds the unacknowledged events of a client for its next worker. Returns their number. */
  #recoverClient(client: ClientConnection, worker: WorkerLink): number {
    const kept = takeUnacknowledged(client, this.#clientLog);
    this.#routeOf(client).held.putBack(client, kept);
    client.eventsInFlight = client.held?.length ?? 0;
    client.eventBytesInFlight = payloadBytes(client.held);
    client.resumable?.keepInFlight(client.eventsInFlight);
    if (!this.#inFlight.isFull(client)) client.resume(PauseReason.EventsInFlight);
    // A closed client needs a worker only for its held events.
    if (worker.clients.has(client) || client.held !== undefined) {
      this.#routeOf(client).unbind(client);
    }
    return kept.length;
  }

  /** Sends the held events of a client to its worker, or moves the client if the worker drains. */
  #deliverHeld(worker: WorkerLink, client: ClientConnection): void {
    if (worker.isDraining) this.#drains.move(worker, client);
    else this.#flushHeld(client, worker);
  }

  /** Sends the held events of a client to a worker until the worker is full. */
  #flushHeld(client: ClientConnection, worker: WorkerLink): void {
    if (worker.isSuspended) return;
    const isFull = () =>
      client.held !== undefined && this.#inFlight.pauseIfWorkerFull(worker, client);
    for (const event of this.#routeOf(client).held.take(client, isFull)) {
      worker.eventsInFlight += 1;
      worker.eventBytesInFlight += payloadLength(event);
      this.#deliver(client, worker, event);
    }
  }

  /** Sends an event, and keeps it if the worker redelivers. */
  #deliver(client: ClientConnection, worker: WorkerLink, event: ClientEvent): void {
    if (worker.redelivers) keepUnacknowledged(client, event);
    if (event.kind === 'closed') {
      worker.clients.delete(client);
      if (worker.redelivers) worker.closedClients.set(client.connection, client);
      else worker.closedClients.delete(client.connection);
    }
    writeEvent(worker.connection, client, event);
  }

  /** Binds some of the clients that wait for a worker, and the rest in later turns. */
  #bindMore(): void {
    if (this.#bindTimer !== undefined) return;
    const left = this.#drains.moveIdle(this.#bindUnbound(BINDS_PER_TURN));
    if (left > 0) return;
    this.#bindTimer = setImmediate(() => {
      this.#bindTimer = undefined;
      this.#bindMore();
    });
  }

  /** Binds up to `limit` clients. Returns how much of the limit is left. */
  #bindUnbound(limit: number): number {
    // Routes with few clients come first, so that the rest of their share goes to the others.
    const waiting = this.#routes.all
      .filter(({ unbound, workers }) => unbound.size > 0 && workers.size > 0)
      .sort((a, b) => a.unbound.size - b.unbound.size);
    let left = limit;
    for (const [index, { unbound }] of waiting.entries()) {
      let share = Math.ceil(left / (waiting.length - index));
      for (const client of unbound) {
        if (share === 0 || this.#bindGuarded(client) === false) break;
        share -= 1;
        left -= 1;
      }
    }
    return left;
  }
}
