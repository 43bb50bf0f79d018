import type { Logger } from '@gatewayworker/core';
import { FrameError, writeClientConnected, writeClientMessage } from '@gatewayworker/protocol';
import { type ClientConnection, type HeldEvent, PauseReason } from './client-connection.ts';
import type { LimitCounters } from './limit-counters.ts';
import type { ClientClosure } from './transports/transport.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerPool } from './worker-pool.ts';

/** What a held event costs beside its payload, in bytes; an estimate that keeps empty ones bounded too. */
const HELD_EVENT_BYTES = 64;

/** Clients bound in one turn of the event loop when a worker comes or goes. */
const BINDS_PER_TURN = 256;

/** Limits of the dispatcher. */
export interface EventDispatcherOptions {
  readonly maxEventsInFlight: number;
  readonly maxHeldBytes: number;
  readonly sendToWorkerBufferSize: number;
}

/**
 * Brings the events of clients to workers: each client is bound to one worker while that lives, its
 * events keep their order, and what waits is bounded, because reading from the client stops.
 */
export class EventDispatcher {
  readonly #options: EventDispatcherOptions;
  readonly #workers: WorkerPool;
  readonly #limits: LimitCounters;
  readonly #logger: Logger;
  /** Clients without a worker, those that closed meanwhile included. */
  readonly #unbound = new Set<ClientConnection>();
  /** Clients that are not read from until held events have found a worker. */
  readonly #waitingForHeld = new Set<ClientConnection>();
  #heldBytes = 0;
  #bindTimer: NodeJS.Immediate | undefined;
  #lostEvents = 0;

  constructor(
    options: EventDispatcherOptions,
    context: {
      readonly workers: WorkerPool;
      readonly limits: LimitCounters;
      readonly logger: Logger;
    },
  ) {
    this.#options = options;
    this.#workers = context.workers;
    this.#limits = context.limits;
    this.#logger = context.logger;
  }

  /** Events that workers had not finished when they died. */
  get lostEvents(): number {
    return this.#lostEvents;
  }

  /** Events that were handed to workers or are held, and are not finished. */
  get eventsInFlight(): number {
    let count = 0;
    for (const worker of this.#workers.links) count += worker.eventsInFlight;
    for (const client of this.#unbound) count += client.held?.length ?? 0;
    return count;
  }

  /**
   * A client is usable.
   *
   * @param admittedBy - the worker that let it in, and gets it if it is still there
   */
  dispatchConnected(client: ClientConnection, admittedBy?: WorkerLink): void {
    if (admittedBy !== undefined && this.#workers.links.includes(admittedBy)) {
      this.#bindTo(client, admittedBy);
    }
    const worker = this.#begin(client);
    if (worker === undefined) this.#hold(client, { kind: 'connected' });
    else writeClientConnected(worker.connection.writer(), client.connection);
  }

  /** A client sent a message; the payload is read during the call. */
  dispatchMessage(client: ClientConnection, payload: Buffer, isBinary: boolean): void {
    const worker = this.#begin(client);
    if (worker === undefined) {
      this.#hold(client, { kind: 'message', payload: Buffer.from(payload), isBinary });
      return;
    }
    const { connection } = worker;
    writeClientMessage(connection.writer(), client.connection, payload, isBinary);
    if (connection.output.pendingBytes > this.#options.sendToWorkerBufferSize) {
      // The kernel may have room for what only waits for the end of this turn. When it takes all of
      // that, no drain follows, and nobody would read from the client again.
      connection.output.flush();
      if (connection.output.isBlocked && worker.pauseClient(client)) {
        this.#limits.workerLinkFull += 1;
      }
    }
  }

  /** A client is gone. */
  dispatchClosed(client: ClientConnection, closure: ClientClosure): void {
    const worker = this.#begin(client);
    if (worker === undefined) {
      this.#hold(client, { kind: 'closed', closure });
    } else {
      worker.clients.delete(client);
      worker.connection.send({ type: 'clientClosed', connection: client.connection, ...closure });
    }
  }

  /**
   * A worker has finished events of a client, which may be gone by now.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when the worker was not given so many
   */
  handleFinished(worker: WorkerLink, client: ClientConnection | undefined, count: number): void {
    if (count > worker.eventsInFlight) {
      const text = `${count} events are finished of ${worker.eventsInFlight} in flight`;
      throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
    }
    worker.eventsInFlight -= count;
    if (client?.worker !== worker) return;
    client.eventsInFlight -= count;
    if (client.eventsInFlight <= this.#options.maxEventsInFlight >> 1) {
      client.resume(PauseReason.EventsInFlight);
    }
  }

  /** A worker is ready: clients that wait for one are bound. */
  addWorker(worker: WorkerLink): void {
    if (this.#workers.links.includes(worker)) return;
    this.#workers.add(worker);
    this.#bindUnbound();
  }

  /** A worker is gone: its clients are bound to others, and what it had not finished is lost. */
  removeWorker(worker: WorkerLink): void {
    this.#workers.remove(worker);
    worker.resumeClients();
    if (worker.eventsInFlight > 0) {
      this.#lostEvents += worker.eventsInFlight;
      const bound = { worker: `${worker.name}#${worker.id}`, events: worker.eventsInFlight };
      this.#logger.warn(bound, 'events lost: the worker was gone before it finished them');
    }
    for (const client of worker.clients) {
      client.worker = undefined;
      client.eventsInFlight = 0;
      client.resume(PauseReason.EventsInFlight);
      this.#unbound.add(client);
    }
    worker.clients.clear();
    this.#bindUnbound();
  }

  /** Stops the work that is under way. */
  close(): void {
    clearImmediate(this.#bindTimer);
  }

  /** Counts an event and answers the worker it goes to. */
  #begin(client: ClientConnection): WorkerLink | undefined {
    const worker = client.worker ?? this.#bind(client);
    client.eventsInFlight += 1;
    if (worker !== undefined) worker.eventsInFlight += 1;
    if (client.eventsInFlight >= this.#options.maxEventsInFlight) {
      if (client.pause(PauseReason.EventsInFlight)) this.#limits.eventsInFlight += 1;
    }
    return worker;
  }

  /** Binds a client to a worker and gives that everything it must know of it. */
  #bind(client: ClientConnection): WorkerLink | undefined {
    const worker = this.#workers.choose(client.socket);
    if (worker !== undefined) this.#bindTo(client, worker);
    return worker;
  }

  #bindTo(client: ClientConnection, worker: WorkerLink): void {
    this.#unbound.delete(client);
    client.worker = worker;
    client.appliedChanges = 0;
    worker.clients.add(client);
    worker.connection.send({
      type: 'clientAttached',
      connection: client.connection,
      nonceHigh: client.nonceHigh,
      nonceLow: client.nonceLow,
      remoteAddress: client.socket.remoteAddress,
      remotePort: client.socket.remotePort,
      gatewayPort: client.socket.listenPort,
      request: client.packedRequest,
      uid: client.uid,
      session: client.session.packed,
    });
    this.#release(client, worker);
  }

  #hold(client: ClientConnection, event: HeldEvent): void {
    this.#unbound.add(client);
    client.held ??= [];
    client.held.push(event);
    this.#heldBytes += heldBytes(event);
    if (this.#heldBytes <= this.#options.maxHeldBytes) return;
    this.#waitingForHeld.add(client);
    if (client.pause(PauseReason.HeldBytes)) this.#limits.heldBytes += 1;
  }

  /** Gives the worker the events that were held for it. */
  #release(client: ClientConnection, worker: WorkerLink): void {
    const events = client.held;
    client.held = undefined;
    for (const event of events ?? []) {
      this.#heldBytes -= heldBytes(event);
      worker.eventsInFlight += 1;
      const { connection } = client;
      if (event.kind === 'connected') {
        writeClientConnected(worker.connection.writer(), connection);
      } else if (event.kind === 'message') {
        const { payload, isBinary } = event;
        writeClientMessage(worker.connection.writer(), connection, payload, isBinary);
      } else {
        worker.clients.delete(client);
        worker.connection.send({ type: 'clientClosed', connection, ...event.closure });
      }
    }
    if (this.#heldBytes <= this.#options.maxHeldBytes) this.#resumeHeld();
  }

  #resumeHeld(): void {
    for (const client of this.#waitingForHeld) client.resume(PauseReason.HeldBytes);
    this.#waitingForHeld.clear();
  }

  /** Binds a part of the clients without a worker, and the rest in later turns. */
  #bindUnbound(): void {
    if (this.#bindTimer !== undefined) return;
    let left = BINDS_PER_TURN;
    for (const client of this.#unbound) {
      if (this.#bind(client) === undefined) return;
      left -= 1;
      if (left > 0) continue;
      this.#bindTimer = setImmediate(() => {
        this.#bindTimer = undefined;
        this.#bindUnbound();
      });
      return;
    }
  }
}

function heldBytes(event: HeldEvent): number {
  return HELD_EVENT_BYTES + (event.kind === 'message' ? event.payload.length : 0);
}
