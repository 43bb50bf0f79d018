import type { Guard, Logger } from '@gatewayworker/core';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { ClientEvent } from './client-event.ts';

/** Estimated memory of a held event in addition to its payload, in bytes. It bounds empty events too. */
const HELD_EVENT_BYTES = 64;

/** Timeout checks per `maxHeldMs`, and the range of their interval in milliseconds. */
const CHECKS_PER_TIMEOUT = 8;
const CHECK_MS = { min: 5, max: 1000 };

/** Limits of held events. */
export interface HeldEventsOptions {
  /** Bytes past which reading from clients pauses. */
  readonly maxHeldBytes: number;
  /** Milliseconds that events of a client wait while the route has no worker; 0 sets no limit. */
  readonly maxHeldMs: number;
}

/** Dependencies of the held events. */
export interface HeldEventsContext {
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly logger: Logger;
  /** Returns true while the route has a worker: then no client is expired. */
  readonly hasWorker: () => boolean;
  /** Closes an expired client. */
  readonly onExpired: (client: ClientConnection) => void;
  /** Called for a client that no worker knows: it needs no worker. */
  readonly onForgotten: (client: ClientConnection) => void;
}

/**
 * The events of one route that wait: those of clients without a worker, and of clients whose worker takes no new
 * events. Their bytes are bounded, because reading from the clients pauses. While the route has no worker, their time
 * is bounded too.
 */
export class HeldEvents {
  readonly #options: HeldEventsOptions;
  readonly #context: HeldEventsContext;
  /** Clients that are paused until held events are delivered. */
  readonly #paused = new Set<ClientConnection>();
  /** Time since which clients with held events have no worker, the oldest first. */
  readonly #waitingSince = new Map<ClientConnection, number>();
  /** Closing clients for which no worker gets `onClose`. */
  readonly #suppressedCloses = new Set<ClientConnection>();
  /** Closes a client, and drops its events; an exception ends only that client. Returns the number of events. */
  readonly #expireGuarded: (client: ClientConnection) => number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #bytes = 0;
  #count = 0;

  constructor(options: HeldEventsOptions, context: HeldEventsContext) {
    this.#options = options;
    this.#context = context;
    const fail = (error: Error, client: ClientConnection): void => {
      this.#waitingSince.delete(client);
      client.socket.fail(error);
    };
    const expire = (client: ClientConnection): number => {
      const events = this.#expire(client);
      if (!client.isClosing) context.onExpired(client);
      return events;
    };
    this.#expireGuarded = context.guard.wrap('held events expired', expire, fail);
  }

  /** Number of held events. */
  get count(): number {
    return this.#count;
  }

  /** Adds an event behind the held events of the client. */
  add(client: ClientConnection, event: ClientEvent): void {
    client.held ??= [];
    client.held.push(event);
    this.#handleAdded(client, event);
  }

  /** Inserts recovered events before the held events of the client. */
  putBack(client: ClientConnection, events: readonly ClientEvent[]): void {
    if (events.length === 0) return;
    client.held = [...events, ...(client.held ?? [])];
    for (const event of events) this.#handleAdded(client, event);
  }

  /** Takes the held events of a client in order, until `isFull` returns true. Its timeout is cancelled. */
  *take(client: ClientConnection, isFull?: () => boolean): Generator<ClientEvent> {
    this.#waitingSince.delete(client);
    while (isFull?.() !== true) {
      const event = client.held?.shift();
      if (event === undefined) return;
      if (client.held?.length === 0) client.held = undefined;
      this.#count -= 1;
      this.#bytes -= heldBytes(event);
      if (this.#bytes <= this.#options.maxHeldBytes) this.#resume();
      yield event;
    }
  }

  /** Drops the held events of a client, and returns them. */
  drop(client: ClientConnection): readonly ClientEvent[] {
    return [...this.take(client)];
  }

  /** Starts the timeout of a client without a worker. */
  startTimeout(client: ClientConnection): void {
    const { maxHeldMs } = this.#options;
    if (maxHeldMs === 0 || this.#isClosed) return;
    if (client.held === undefined || this.#waitingSince.has(client)) return;
    this.#waitingSince.set(client, performance.now());
    if (this.#timer !== undefined) return;
    const { min, max } = CHECK_MS;
    const checkMs = Math.min(Math.max(maxHeldMs / CHECKS_PER_TIMEOUT, min), max);
    this.#timer = setInterval(() => this.#expireClients(), checkMs).unref();
  }

  /** Returns true, once, if no worker gets `onClose` of a client. */
  consumeSuppressedClose(client: ClientConnection): boolean {
    return this.#suppressedCloses.delete(client);
  }

  /** Returns true if no worker gets `onClose` of a client. */
  isCloseSuppressed(client: ClientConnection): boolean {
    return this.#suppressedCloses.has(client);
  }

  /** Suppresses `onClose` of a client. */
  suppressClose(client: ClientConnection): void {
    this.#suppressedCloses.add(client);
  }

  /** Stops the timeouts. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #handleAdded(client: ClientConnection, event: ClientEvent): void {
    this.#count += 1;
    this.#bytes += heldBytes(event);
    if (client.worker === undefined) this.startTimeout(client);
    if (this.#bytes <= this.#options.maxHeldBytes) return;
    this.#paused.add(client);
    if (client.pause(PauseReason.HeldBytes)) this.#context.limits.heldBytes += 1;
  }

  #resume(): void {
    for (const client of this.#paused) client.resume(PauseReason.HeldBytes);
    this.#paused.clear();
  }

  #expireClients(): void {
    if (this.#waitingSince.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#context.hasWorker()) return;
    const before = performance.now() - this.#options.maxHeldMs;
    const { limits, logger } = this.#context;
    let clients = 0;
    let events = 0;
    for (const [client, since] of this.#waitingSince) {
      if (since > before) break;
      if (!client.isClosing) clients += 1;
      events += this.#expireGuarded(client) ?? 0;
    }
    limits.heldTime += clients;
    limits.lostEvents += events;
    if (clients + events === 0) return;
    logger.warn({ clients, events }, 'no worker within maxHeldMs: clients closed, events dropped');
  }

  /** Drops the held events of a client, except `onClose` if a worker got `onConnect`. Returns their number. */
  #expire(client: ClientConnection): number {
    const events = this.drop(client);
    client.eventsInFlight = 0;
    client.eventBytesInFlight = 0;
    const isUnknown = events[0]?.kind === 'connected';
    const last = events.at(-1);
    const isClosed = last?.kind === 'closed';
    if (isUnknown) {
      if (!isClosed) this.#suppressedCloses.add(client);
      this.#context.onForgotten(client);
      return events.length;
    }
    if (!isClosed) return events.length;
    // The next worker must get `onClose`. It is small, and has no timeout.
    client.held = [last];
    client.eventsInFlight = 1;
    this.#count += 1;
    this.#bytes += heldBytes(last);
    return events.length - 1;
  }
}

function heldBytes(event: ClientEvent): number {
  return HELD_EVENT_BYTES + (event.kind === 'message' ? event.payload.length : 0);
}
