import type { Logger } from '@gatewayworker/core';
import { FrameError, writeClientConnected, writeClientMessage } from '@gatewayworker/protocol';
import { type ClientConnection, type ClientEvent, PauseReason } from './client-connection.ts';
import type { LimitCounters } from './limit-counters.ts';
import type { ClientClosure } from './transports/transport.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Workers that an event may see die before it counts as what kills them. */
const MAX_ATTEMPTS = 3;

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
    const event = { kind: 'connected', attempts: 0 } as const;
    if (worker === undefined) this.#hold(client, event);
    else this.#give(client, worker, event);
  }

  /** A client sent a message; the payload is read during the call. */
  dispatchMessage(client: ClientConnection, payload: Buffer, isBinary: boolean): void {
    const worker = this.#begin(client);
    if (worker === undefined) {
      this.#hold(client, keepMessage(payload, isBinary));
      return;
    }
    const { connection } = worker;
    if (worker.redelivers) keepUnfinished(client, keepMessage(payload, isBinary));
    writeClientMessage(connection.writer(), client.connection, payload, isBinary, false);
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
    const event = { kind: 'closed', closure, attempts: 0 } as const;
    if (worker === undefined) this.#hold(client, event);
    else this.#give(client, worker, event);
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
    if (client.unfinished !== undefined) {
      client.unfinished.splice(0, count);
      if (client.unfinished.length === 0) client.unfinished = undefined;
      if (client.unfinished === undefined) worker.leaving.delete(client.connection);
    }
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
    let kept = 0;
    for (const client of [...worker.clients, ...worker.leaving.values()]) {
      client.worker = undefined;
      client.eventsInFlight = this.#takeBack(client);
      kept += client.eventsInFlight;
      if (client.eventsInFlight < this.#options.maxEventsInFlight) {
        client.resume(PauseReason.EventsInFlight);
      }
      this.#unbound.add(client);
    }
    worker.clients.clear();
    worker.leaving.clear();
    const lost = worker.eventsInFlight - kept;
    const bound = { worker: `${worker.name}#${worker.id}` };
    if (kept > 0) this.#logger.warn({ ...bound, events: kept }, 'events are redelivered');
    if (lost > 0) {
      this.#lostEvents += lost;
      this.#logger.warn(
        { ...bound, events: lost },
        'events lost: the worker was gone before it finished them',
      );
    }
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
      request: client.packedRequest,
      uid: client.uid,
      session: client.session.packed,
    });
    this.#release(client, worker);
  }

  /** Holds what a dead worker had not finished, for the next one; answers how many events. */
  #takeBack(client: ClientConnection): number {
    const { unfinished = [] } = client;
    client.unfinished = undefined;
    for (const event of unfinished) {
      const attempts = event.attempts + 1;
      if (attempts < MAX_ATTEMPTS) {
        this.#hold(client, { ...event, attempts });
      } else {
        const bound = { connection: client.connection, event: event.kind, attempts };
        this.#logger.error(bound, 'event dropped: workers die of it');
      }
    }
    return client.held?.length ?? 0;
  }

  #hold(client: ClientConnection, event: ClientEvent): void {
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
      this.#give(client, worker, event);
    }
    if (this.#heldBytes <= this.#options.maxHeldBytes) this.#resumeHeld();
  }

  /** Sends an event, and keeps it when it may have to be sent again. */
  #give(client: ClientConnection, worker: WorkerLink, event: ClientEvent): void {
    const { connection } = client;
    const writer = worker.connection.writer();
    const isRedelivered = event.attempts > 0;
    if (worker.redelivers) keepUnfinished(client, event);
    if (event.kind === 'connected') {
      writeClientConnected(writer, connection, isRedelivered);
    } else if (event.kind === 'message') {
      const { payload, isBinary } = event;
      writeClientMessage(writer, connection, payload, isBinary, isRedelivered);
    } else {
      worker.clients.delete(client);
      if (worker.redelivers) worker.leaving.set(connection, client);
      const message = { connection, ...event.closure, isRedelivered };
      worker.connection.send({ type: 'clientClosed', ...message });
    }
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

/** The payload is copied: the bytes are the socket's. */
function keepMessage(payload: Buffer, isBinary: boolean): ClientEvent {
  return { kind: 'message', payload: Buffer.from(payload), isBinary, attempts: 0 };
}

function keepUnfinished(client: ClientConnection, event: ClientEvent): void {
  client.unfinished ??= [];
  client.unfinished.push(event);
}

function heldBytes(event: ClientEvent): number {
  return HELD_EVENT_BYTES + (event.kind === 'message' ? event.payload.length : 0);
}
