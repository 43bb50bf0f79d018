import { FrameError } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { ClientEvent } from './client-event.ts';
import type { WorkerLink } from './worker-link.ts';

/** One entry of an `EventsAck` frame: events of one client that a worker acknowledges. */
export interface EventsAck {
  readonly count: number;
  /** Bytes of their payloads. */
  readonly byteLength: number;
}

/** Limits of unacknowledged events. */
export interface EventsInFlightOptions {
  readonly maxEventsInFlight: number;
  readonly maxEventsInFlightPerWorker: number;
  readonly maxEventBytesInFlight: number;
  readonly maxEventBytesInFlightPerWorker: number;
}

/** Pauses reading from clients at the limits of events in flight, until half of the events are acknowledged. */
export class EventsInFlight {
  readonly #options: EventsInFlightOptions;
  readonly #limits: LimitCounters;
  readonly #deliverHeld: (worker: WorkerLink, client: ClientConnection) => void;

  /** @param deliverHeld - sends the held events of a client to its worker, until the worker is full */
  constructor(
    options: EventsInFlightOptions,
    limits: LimitCounters,
    deliverHeld: (worker: WorkerLink, client: ClientConnection) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#deliverHeld = deliverHeld;
  }

  /** Returns whether a client has reached a limit. */
  isFull({ eventsInFlight, eventBytesInFlight }: ClientConnection): boolean {
    const { maxEventsInFlight, maxEventBytesInFlight } = this.#options;
    return eventsInFlight >= maxEventsInFlight || eventBytesInFlight >= maxEventBytesInFlight;
  }

  /** Pauses a client that has reached a limit. */
  pauseFullClient(client: ClientConnection): void {
    if (this.isFull(client) && client.pause(PauseReason.EventsInFlight)) {
      this.#count(client.eventsInFlight >= this.#options.maxEventsInFlight);
    }
  }

  /** Resumes a client that is at half of its limits or less. */
  resumeFreeClient(client: ClientConnection): void {
    const { maxEventsInFlight, maxEventBytesInFlight } = this.#options;
    if (client.eventsInFlight > maxEventsInFlight >> 1) return;
    if (client.eventBytesInFlight > maxEventBytesInFlight / 2) return;
    client.resume(PauseReason.EventsInFlight);
  }

  /**
   * Pauses a client whose worker has reached a limit.
   *
   * @returns whether the worker is full, so that events of the client must be held
   */
  pauseIfWorkerFull(worker: WorkerLink, client: ClientConnection): boolean {
    if (!this.#isWorkerFull(worker)) return false;
    if (worker.pauseForLoad(client)) {
      this.#count(worker.eventsInFlight >= this.#options.maxEventsInFlightPerWorker);
    }
    return true;
  }

  /** Sends held events to a worker that is at half of its limits or less, and resumes its clients. */
  resumeClientsOf(worker: WorkerLink): void {
    const { maxEventsInFlightPerWorker, maxEventBytesInFlightPerWorker } = this.#options;
    if (worker.eventsInFlight > maxEventsInFlightPerWorker >> 1) return;
    if (worker.eventBytesInFlight > maxEventBytesInFlightPerWorker / 2) return;
    for (const client of worker.clientsPausedForLoad) {
      if (this.#isWorkerFull(worker)) return;
      if (client.held !== undefined) this.#deliverHeld(worker, client);
      // A draining worker gets no more events: its clients move when it has acknowledged theirs.
      if (client.held === undefined || worker.isDraining) worker.resumeForLoad(client);
    }
  }

  #isWorkerFull({ eventsInFlight, eventBytesInFlight }: WorkerLink): boolean {
    const { maxEventsInFlightPerWorker, maxEventBytesInFlightPerWorker } = this.#options;
    return (
      eventsInFlight >= maxEventsInFlightPerWorker ||
      eventBytesInFlight >= maxEventBytesInFlightPerWorker
    );
  }

  #count(isOverNumber: boolean): void {
    if (isOverNumber) this.#limits.eventsInFlight += 1;
    else this.#limits.eventBytesInFlight += 1;
  }
}

/** Bytes of the payload of an event; 0 without a payload. */
export function payloadLength(event: ClientEvent): number {
  return 'payload' in event ? event.payload.length : 0;
}

/** Bytes of the payloads of events. */
export function payloadBytes(events: readonly ClientEvent[] = []): number {
  return events.reduce((sum, event) => sum + payloadLength(event), 0);
}

/**
 * Subtracts acknowledged events from the counts of a worker and a client.
 *
 * @param client - `undefined` when it is closed, or has another worker by now
 * @throws {GW_ERR_FRAME_MALFORMED} when fewer events or bytes are in flight
 */
export function applyAck(
  worker: WorkerLink,
  client: ClientConnection | undefined,
  { count, byteLength }: EventsAck,
): void {
  // Check the client too: with a negative count it would never be paused again.
  const events = Math.min(worker.eventsInFlight, client?.eventsInFlight ?? count);
  if (count > events) {
    const text = `EventsAck has ${count} events; allowed: up to ${events} in flight`;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
  }
  const bytes =
    client === undefined
      ? worker.eventBytesInFlight
      : client.eventBytesInFlight - payloadBytes(client.held);
  if (byteLength > bytes) {
    const text = `EventsAck has ${byteLength} bytes; allowed: up to ${bytes} in flight`;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
  }
  worker.eventsInFlight -= count;
  worker.eventBytesInFlight -= byteLength;
  if (client !== undefined) applyClientAck(client, worker, { count, byteLength });
  // A worker that acknowledges too few bytes must not pause its clients indefinitely.
  if (worker.eventsInFlight === 0) worker.eventBytesInFlight = 0;
}

function applyClientAck(
  client: ClientConnection,
  worker: WorkerLink,
  { count, byteLength }: EventsAck,
): void {
  client.eventsInFlight -= count;
  client.eventBytesInFlight -= byteLength;
  if (client.eventsInFlight > (client.held?.length ?? 0)) return;
  // Nothing of the client is in flight: drop the bytes that the worker failed to acknowledge.
  const heldBytes = payloadBytes(client.held);
  worker.eventBytesInFlight -= client.eventBytesInFlight - heldBytes;
  client.eventBytesInFlight = heldBytes;
}
