import type { Guard, Logger } from '@gatewayworker/core';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { ClientEvent } from './client-event.ts';

/** What a held event costs beside its payload, in bytes; an estimate that keeps empty ones bounded too. */
const HELD_EVENT_BYTES = 64;

/** How often the time of held events is looked at, as a part of that time and in milliseconds. */
const LOOKS_PER_TIME = 8;
const LOOK_MS = { min: 5, max: 1000 };

/** Limits of what is held. */
export interface HeldEventsOptions {
  /** Bytes past which clients are not read from. */
  readonly maxHeldBytes: number;
  /** Milliseconds that events of a client wait without any worker; 0 sets no limit. */
  readonly maxHeldMs: number;
}

/** What the table works with. */
export interface HeldEventsContext {
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly logger: Logger;
  /** Answers true while a worker is there: then nobody's time is over. */
  readonly hasWorker: () => boolean;
  /** Closes a client whose time is over. */
  readonly onExpired: (client: ClientConnection) => void;
  /** Nothing is to be told of this client any more. */
  readonly onForgotten: (client: ClientConnection) => void;
}

/**
 * Events that wait: of clients without a worker, and of those whose worker takes no new ones. They
 * are bounded in bytes, because reading from the clients stops, and without any worker in time.
 */
export class HeldEvents {
  readonly #options: HeldEventsOptions;
  readonly #context: HeldEventsContext;
  /** Clients that are not read from until held events have found a worker. */
  readonly #paused = new Set<ClientConnection>();
  /** Since when clients with held events have no worker; the oldest come first. */
  readonly #since = new Map<ClientConnection, number>();
  /** Clients that are being closed and whose end nobody is to be told of. */
  readonly #suppressedCloses = new Set<ClientConnection>();
  /** Closes a client whose time is over, and drops its events; answers how many. */
  readonly #end: (client: ClientConnection) => number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #bytes = 0;
  #count = 0;

  constructor(options: HeldEventsOptions, context: HeldEventsContext) {
    this.#options = options;
    this.#context = context;
    const fail = (error: Error, client: ClientConnection): void => {
      this.#since.delete(client);
      client.socket.fail(error);
    };
    const end = (client: ClientConnection): number => {
      const events = this.#expire(client);
      if (!client.isClosing) context.onExpired(client);
      return events;
    };
    this.#end = context.guard.wrap('held events expired', end, fail);
  }

  /** Number of held events. */
  get count(): number {
    return this.#count;
  }

  /** Holds an event behind those that are held for the client. */
  add(client: ClientConnection, event: ClientEvent): void {
    client.held ??= [];
    client.held.push(event);
    this.#handleAdded(client, event);
  }

  /** Holds events that a worker had before those that are held for the client. */
  putBack(client: ClientConnection, events: readonly ClientEvent[]): void {
    if (events.length === 0) return;
    client.held = [...events, ...(client.held ?? [])];
    for (const event of events) this.#handleAdded(client, event);
  }

  /** Takes the events that are held for a client, in order, until `isFull` answers true; their time is over. */
  *take(client: ClientConnection, isFull?: () => boolean): Generator<ClientEvent> {
    this.#since.delete(client);
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

  /** Drops the events that are held for a client; answers them. */
  drop(client: ClientConnection): readonly ClientEvent[] {
    return [...this.take(client)];
  }

  /** A client has lost its worker: the time of what is held for it runs. */
  startTime(client: ClientConnection): void {
    const { maxHeldMs } = this.#options;
    if (maxHeldMs === 0 || this.#isClosed || client.held === undefined || this.#since.has(client))
      return;
    this.#since.set(client, performance.now());
    if (this.#timer !== undefined) return;
    const { min, max } = LOOK_MS;
    const lookMs = Math.min(Math.max(maxHeldMs / LOOKS_PER_TIME, min), max);
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  /** Answers true, once, when the end of a client is to be told to nobody. */
  consumeSuppressedClose(client: ClientConnection): boolean {
    return this.#suppressedCloses.delete(client);
  }

  /** True while the end of a client is to be told to nobody. */
  isCloseSuppressed(client: ClientConnection): boolean {
    return this.#suppressedCloses.has(client);
  }

  /** The end of a client is to be told to nobody. */
  suppressClose(client: ClientConnection): void {
    this.#suppressedCloses.add(client);
  }

  /** Looks at the time no more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #handleAdded(client: ClientConnection, event: ClientEvent): void {
    this.#count += 1;
    this.#bytes += heldBytes(event);
    if (client.worker === undefined) this.startTime(client);
    if (this.#bytes <= this.#options.maxHeldBytes) return;
    this.#paused.add(client);
    if (client.pause(PauseReason.HeldBytes)) this.#context.limits.heldBytes += 1;
  }

  #resume(): void {
    for (const client of this.#paused) client.resume(PauseReason.HeldBytes);
    this.#paused.clear();
  }

  #look(): void {
    if (this.#since.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#context.hasWorker()) return;
    const before = performance.now() - this.#options.maxHeldMs;
    const { limits, logger } = this.#context;
    let clients = 0;
    let events = 0;
    for (const [client, since] of this.#since) {
      if (since > before) break;
      if (!client.isClosing) clients += 1;
      events += this.#end(client) ?? 0;
    }
    limits.heldTime += clients;
    limits.lostEvents += events;
    if (clients + events === 0) return;
    logger.warn({ clients, events }, 'no worker came in time: clients closed, events dropped');
  }

  /** Drops what is held for a client, but its end if a worker knows of it; answers how many events. */
  #expire(client: ClientConnection): number {
    const events = this.drop(client);
    client.eventsInFlight = 0;
    client.eventBytesInFlight = 0;
    const isUnknown = events[0]?.kind === 'connected';
    const end = events.at(-1);
    const isGone = end?.kind === 'closed';
    if (isUnknown) {
      if (!isGone) this.#suppressedCloses.add(client);
      this.#context.onForgotten(client);
      return events.length;
    }
    if (!isGone) return events.length;
    // It costs little, and it is what the next worker must be told. Its time is over: it runs no more.
    client.held = [end];
    client.eventsInFlight = 1;
    this.#count += 1;
    this.#bytes += heldBytes(end);
    return events.length - 1;
  }
}

function heldBytes(event: ClientEvent): number {
  return HELD_EVENT_BYTES + (event.kind === 'message' ? event.payload.length : 0);
}
