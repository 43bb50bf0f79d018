import type { Logger, ThrottledLog } from '@gatewayworker/core';
import { writeClientConnected, writeClientMessage } from '@gatewayworker/protocol';
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

/** Clients bound in one turn of the event loop when a worker comes, goes or drains. */
const BINDS_PER_TURN = 256;

/** Limits of the dispatcher. */
export interface EventDispatcherOptions extends EventsInFlightOptions, WorkerBalancerOptions {
  readonly sendToWorkerBufferSize: number;
}

/**
 * Brings the events of clients to workers: each client has one worker at a time, its events keep their order, and
 * what waits is bounded, because reading from the client stops.
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
  /** `#bind` for one of many: a client that throws ends alone. Answers false when no worker takes clients. */
  readonly #bindGuarded: (client: ClientConnection) => boolean | undefined;
  /** Takes a client from a worker that is gone; answers how many of its events are kept. */
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

  /** Events that were handed to workers or are held, and are not finished. */
  get eventsInFlight(): number {
    return this.heldEvents + this.#eventsAtWorkers;
  }

  /** Those of them that a worker which is linked has, or will get. */
  get eventsWithWorkers(): number {
    let count = this.#eventsAtWorkers;
    for (const { workers, held } of this.#routes.all) if (workers.size > 0) count += held.count;
    return count;
  }

  /** Events that wait for a worker. */
  get heldEvents(): number {
    return this.#routes.all.reduce((count, { held }) => count + held.count, 0);
  }

  /** A client is usable; `admittedBy`, the worker that let it in, gets it if it is still there. */
  dispatchConnected(client: ClientConnection, admittedBy?: WorkerLink): void {
    if (admittedBy !== undefined && this.#routeOf(client).workers.links.includes(admittedBy)) {
      this.#bindTo(client, admittedBy);
    }
    this.#dispatch(client, { kind: 'connected', attempts: 0 });
  }

  /** A client sent a message; the payload is read during the call. */
  dispatchMessage(client: ClientConnection, payload: Buffer, isBinary: boolean): void {
    const worker = this.#routeEvent(client, payload.length);
    if (worker === undefined) {
      this.#routeOf(client).hold(client, keepMessage(payload, isBinary));
      return;
    }
    const { connection } = worker;
    if (worker.redelivers) keepUnacknowledged(client, keepMessage(payload, isBinary));
    writeClientMessage(connection.writer(), client.connection, payload, isBinary, false);
    this.#inFlight.pauseIfWorkerFull(worker, client);
    if (connection.output.pendingBytes > this.#options.sendToWorkerBufferSize) {
      // The kernel may have room for what only waits for the end of this turn. When it takes all of
      // that, no drain follows, and nobody would read from the client again.
      connection.output.flush();
      if (connection.output.isBlocked && worker.pauseForRoom(client)) {
        this.#limits.workerLinkFull += 1;
      }
    }
  }

  /** A client is gone. */
  dispatchClosed(client: ClientConnection, closure: ClientClosure): void {
    if (client.isSuppressed || this.#routeOf(client).held.consumeSuppressedClose(client)) return;
    this.#dispatch(client, { kind: 'closed', closure, attempts: 0 });
  }

  /** The application has had the end of a client that lives: it is told of nothing more. */
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
   * A worker has finished events of a client, which may be gone by now.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when the worker was not given so many, or so many bytes
   */
  handleAck(worker: WorkerLink, client: ClientConnection | undefined, ack: EventsAck): void {
    const isOwn = client?.worker === worker;
    applyAck(worker, isOwn ? client : undefined, ack);
    if (isOwn) this.#handleClientAck(client, worker, ack.count);
    this.#inFlight.resumeClientsOf(worker);
    if (worker.isDraining) this.#drains.check(worker);
  }

  /** A worker is ready: clients that wait for one are bound. */
  addWorker(worker: WorkerLink): void {
    const { workers, isOpen } = this.#routes.ofWorker(worker.name);
    if (worker.isDraining || workers.links.includes(worker)) return;
    workers.add(worker);
    const bound = { worker: `${worker.name}#${worker.id}` };
    if (!isOpen) this.#logger.info(bound, 'no route leads to this worker: it gets no clients');
    this.#bindMore();
  }

  /** A worker is to end: it finishes what it has, and its clients move to others. */
  drainWorker(worker: WorkerLink): void {
    if (worker.isDraining) return;
    this.#routes.ofWorker(worker.name).workers.remove(worker);
    this.#drains.add(worker);
    this.#bindMore();
  }

  /** The link of a worker is broken, and may come back: new events of its clients wait until it is clear where they go. */
  suspendWorker(worker: WorkerLink): void {
    worker.isSuspended = true;
    this.#routes.ofWorker(worker.name).workers.refresh();
  }

  /** The link of a worker has come back. */
  resumeWorker(worker: WorkerLink): void {
    worker.isSuspended = false;
    this.#routes.ofWorker(worker.name).workers.refresh();
    for (const client of [...worker.clients, ...worker.closedClients.values()]) {
      if (client.held !== undefined) this.#deliverHeld(worker, client);
    }
  }

  /** A worker was asked about a handshake and is not any more. */
  handleDecided(worker: WorkerLink): void {
    if (worker.isDraining) this.#drains.check(worker);
  }

  /** A worker is gone: its clients are bound to others, and what it had not finished is lost. */
  removeWorker(worker: WorkerLink): void {
    this.#routes.ofWorker(worker.name).workers.remove(worker);
    this.#drains.remove(worker);
    worker.resumeForRoom();
    for (const client of worker.clientsPausedByLoad) worker.resumeFromLoad(client);
    let kept = 0;
    for (const client of [...worker.clients, ...worker.closedClients.values()]) {
      kept += this.#recover(client, worker) ?? 0;
    }
    worker.clients.clear();
    worker.closedClients.clear();
    const lost = worker.eventsInFlight - kept;
    const bound = { worker: `${worker.name}#${worker.id}` };
    if (kept > 0) this.#logger.warn({ ...bound, events: kept }, 'events are redelivered');
    if (lost > 0) {
      this.#limits.lostEvents += lost;
      this.#logger.warn(
        { ...bound, events: lost },
        'events lost: the worker was gone before it finished them',
      );
    }
    this.#bindMore();
  }

  /** Stops the work that is under way. */
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

  /** The route of a client stays the same all its life. */
  #routeOf(client: ClientConnection): ClientRoute {
    client.route ??= this.#routes.find(client.socket);
    return client.route;
  }

  #dispatch(client: ClientConnection, event: ClientEvent): void {
    const worker = this.#routeEvent(client);
    if (worker === undefined) this.#routeOf(client).hold(client, event);
    else this.#deliver(client, worker, event);
  }

  /** Counts an event and answers the worker it goes to now; without one it is to be held. */
  #routeEvent(client: ClientConnection, byteLength = 0): WorkerLink | undefined {
    let worker = client.worker ?? this.#bind(client);
    if (worker?.isDraining) worker = this.#drains.leave(worker, client) ? client.worker : undefined;
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
    if (client.unacknowledged !== undefined) {
      client.unacknowledged.splice(0, count);
      if (client.unacknowledged.length === 0) client.unacknowledged = undefined;
      const isDone = client.unacknowledged === undefined && client.held === undefined;
      if (isDone) worker.closedClients.delete(client.connection);
    }
    if (worker.isDraining) this.#drains.leave(worker, client);
    this.#inFlight.resumeFreeClient(client);
  }

  /** Binds a client to a worker and gives that everything it must know of it. */
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
    worker.connection.send({
      type: 'clientAttached',
      connection: client.connection,
      nonceHigh: client.nonceHigh,
      nonceLow: client.nonceLow,
      remoteAddress: client.socket.remoteAddress,
      remotePort: client.socket.remotePort,
      gatewayPort: client.socket.listenPort,
      request: client.socket.packedRequest,
      uid: client.uid,
      session: client.session.packed,
    });
    this.#flushHeld(client, worker);
  }

  /** Holds what a dead worker had not finished, for the next one; answers how many events. */
  #recoverClient(client: ClientConnection, worker: WorkerLink): number {
    const kept = takeUnacknowledged(client, this.#clientLog);
    this.#routeOf(client).held.putBack(client, kept);
    client.eventsInFlight = client.held?.length ?? 0;
    client.eventBytesInFlight = payloadBytes(client.held);
    if (!this.#inFlight.isFull(client)) client.resume(PauseReason.EventsInFlight);
    // Of a client that is gone, only its events are left.
    if (worker.clients.has(client) || client.held !== undefined) {
      this.#routeOf(client).unbind(client);
    }
    return kept.length;
  }

  /** Gives what is held for a client to its worker, or to another one when that drains. */
  #deliverHeld(worker: WorkerLink, client: ClientConnection): void {
    if (worker.isDraining) this.#drains.leave(worker, client);
    else this.#flushHeld(client, worker);
  }

  /** Gives the worker the events that were held for it, until it is full. */
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

  /** Sends an event, and keeps it when it may have to be sent again. */
  #deliver(client: ClientConnection, worker: WorkerLink, event: ClientEvent): void {
    const { connection } = client;
    const writer = worker.connection.writer();
    const isRedelivered = event.attempts > 0;
    if (worker.redelivers) keepUnacknowledged(client, event);
    if (event.kind === 'connected') {
      writeClientConnected(writer, connection, isRedelivered);
    } else if (event.kind === 'message') {
      const { payload, isBinary } = event;
      writeClientMessage(writer, connection, payload, isBinary, isRedelivered);
    } else {
      worker.clients.delete(client);
      if (worker.redelivers) worker.closedClients.set(connection, client);
      else worker.closedClients.delete(connection);
      const message = { connection, ...event.closure, isRedelivered };
      worker.connection.send({ type: 'clientClosed', ...message });
    }
  }

  /** Binds a part of the clients that need a worker, and the rest in later turns. */
  #bindMore(): void {
    if (this.#bindTimer !== undefined) return;
    const left = this.#drains.moveIdle(this.#bindUnbound(BINDS_PER_TURN));
    if (left > 0) return;
    this.#bindTimer = setImmediate(() => {
      this.#bindTimer = undefined;
      this.#bindMore();
    });
  }

  /** Binds clients without a worker; answers how many fewer than `limit` there were. */
  #bindUnbound(limit: number): number {
    // The route with the fewest first: what it leaves of its share goes to the others.
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
