import { FrameError } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { ClientEvent } from './client-event.ts';
import type { WorkerLink } from './worker-link.ts';

/** Events of one client that a worker has finished. */
export interface EventsAck {
  readonly count: number;
  /** Bytes of their payloads. */
  readonly byteLength: number;
}

/** Limits of the events that workers have not finished. */
export interface EventsInFlightOptions {
  readonly maxEventsInFlight: number;
  readonly maxEventsInFlightPerWorker: number;
  readonly maxEventBytesInFlight: number;
  readonly maxEventBytesInFlightPerWorker: number;
}

/** Stops reading from clients past the limits of events in flight, until half of them are finished. */
export class EventsInFlight {
  readonly #options: EventsInFlightOptions;
  readonly #limits: LimitCounters;
  readonly #deliverHeld: (worker: WorkerLink, client: ClientConnection) => void;

  /** @param deliverHeld - gives a worker what is held for one of its clients, until the worker is full again */
  constructor(
    options: EventsInFlightOptions,
    limits: LimitCounters,
    deliverHeld: (worker: WorkerLink, client: ClientConnection) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#deliverHeld = deliverHeld;
  }

  /** Tells whether a client has as many events, or bytes of events, in flight as it may. */
  isFull({ eventsInFlight, eventBytesInFlight }: ClientConnection): boolean {
    const { maxEventsInFlight, maxEventBytesInFlight } = this.#options;
    return eventsInFlight >= maxEventsInFlight || eventBytesInFlight >= maxEventBytesInFlight;
  }

  /** Stops reading from a client that has too much in flight. */
  pauseFullClient(client: ClientConnection): void {
    if (this.isFull(client) && client.pause(PauseReason.EventsInFlight)) {
      this.#count(client.eventsInFlight >= this.#options.maxEventsInFlight);
    }
  }

  /** Reads on from a client that has half of it finished. */
  resumeFreeClient(client: ClientConnection): void {
    const { maxEventsInFlight, maxEventBytesInFlight } = this.#options;
    if (client.eventsInFlight > maxEventsInFlight >> 1) return;
    if (client.eventBytesInFlight > maxEventBytesInFlight / 2) return;
    client.resume(PauseReason.EventsInFlight);
  }

  /**
   * Stops reading from a client whose worker has as much of all clients as it may have.
   *
   * @returns whether the worker is full: what the client sends next must be held
   */
  pauseIfWorkerFull(worker: WorkerLink, client: ClientConnection): boolean {
    if (!this.#isWorkerFull(worker)) return false;
    if (worker.pauseForLoad(client)) {
      this.#count(worker.eventsInFlight >= this.#options.maxEventsInFlightPerWorker);
    }
    return true;
  }

  /** Gives a worker that has half of it finished what was held, and reads on from its clients. */
  resumeClientsOf(worker: WorkerLink): void {
    const { maxEventsInFlightPerWorker, maxEventBytesInFlightPerWorker } = this.#options;
    if (worker.eventsInFlight > maxEventsInFlightPerWorker >> 1) return;
    if (worker.eventBytesInFlight > maxEventBytesInFlightPerWorker / 2) return;
    for (const client of worker.clientsPausedByLoad) {
      if (this.#isWorkerFull(worker)) return;
      if (client.held !== undefined) this.#deliverHeld(worker, client);
      // A worker that drains gets no more: its clients leave it when it has finished their events.
      if (client.held === undefined || worker.isDraining) worker.resumeFromLoad(client);
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

/** Bytes of the payload of an event; 0 when it has none. */
export function payloadLength(event: ClientEvent): number {
  return event.kind === 'message' ? event.payload.length : 0;
}

/** Bytes of the payloads of events. */
export function payloadBytes(events: readonly ClientEvent[] = []): number {
  return events.reduce((sum, event) => sum + payloadLength(event), 0);
}

/**
 * Counts what a worker tells to have finished.
 *
 * @param client - whose events they are; `undefined` when it is gone
 * @throws {GW_ERR_FRAME_MALFORMED} when the worker was not given so many, or so many bytes
 */
export function applyAck(
  worker: WorkerLink,
  client: ClientConnection | undefined,
  { count, byteLength }: EventsAck,
): void {
  // Checked for each client too: a client with a negative count would never be paused again.
  const events = Math.min(worker.eventsInFlight, client?.eventsInFlight ?? count);
  if (count > events) {
    const text = `${count} events are finished of ${events} in flight`;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
  }
  const bytes =
    client === undefined
      ? worker.eventBytesInFlight
      : client.eventBytesInFlight - payloadBytes(client.held);
  if (byteLength > bytes) {
    const text = `${byteLength} bytes of events are finished of ${bytes} in flight`;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
  }
  worker.eventsInFlight -= count;
  worker.eventBytesInFlight -= byteLength;
  if (client !== undefined) applyClientAck(client, worker, { count, byteLength });
  // A worker that tells of fewer bytes than it had does not stop its clients indefinitely.
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
  // Bytes that it failed to acknowledge are not counted for the next worker.
  const heldBytes = payloadBytes(client.held);
  worker.eventBytesInFlight -= client.eventBytesInFlight - heldBytes;
  client.eventBytesInFlight = heldBytes;
}
