import { Deadline, type Logger, type StopOptions } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { ClientSender } from './clients/client-sender.ts';
import type { ClientTable } from './clients/client-table.ts';
import { closeClients } from './clients/close-clients.ts';
import { PauseReason } from './clients/pause-reason.ts';
import { ServerClosure } from './clients/server-closure.ts';
import type { SessionMoves } from './resume/session-moves.ts';
import type { EventDispatcher } from './workers/event-dispatcher.ts';

/** Time of a quick stop for close frames and acks, in milliseconds. */
const QUICK_STOP_MS = 1000;

/** Time of a graceful stop that is reserved for each later step, at most, in milliseconds. */
const STEP_MS = 2000;

/**
 * Time for which a graceful stop waits for a worker while events are held without one, in milliseconds. A worker that
 * restarts needs less.
 */
const WORKER_RESTART_MS = 3000;

/** Dependencies of the stop. */
export interface GatewayStopContext {
  readonly clients: ClientTable;
  readonly sender: ClientSender;
  readonly dispatcher: EventDispatcher;
  readonly moves: SessionMoves;
  readonly logger: Logger;
  /** Stops accepting clients. */
  readonly stopAccepting: () => void;
  /** Removes the gateway from the registers, so that no worker dials it. */
  readonly withdraw: () => Promise<void>;
}

/** The stop of a gateway: closes its clients, and waits until workers have acknowledged their events. */
export class GatewayStop {
  readonly #context: GatewayStopContext;
  readonly #options: StopOptions;
  readonly #clock: Deadline;
  readonly #stepMs: number;
  #isQuick = false;

  constructor(options: StopOptions, context: GatewayStopContext) {
    this.#context = context;
    this.#options = options;
    const { isGraceful, timeoutMs, drainMs } = options;
    this.#clock = new Deadline(isGraceful ? drainMs + timeoutMs : quickTimeMs(options));
    this.#stepMs = isGraceful ? Math.min(STEP_MS, timeoutMs / 4) : 0;
  }

  /** Turns a graceful stop into a quick one. */
  makeQuick(options: StopOptions): void {
    if (options.isGraceful) return;
    this.#isQuick = true;
    this.#clock.shorten(quickTimeMs(options));
  }

  /** Resolves when no client is left and workers have acknowledged each `onClose`, or at the deadline. */
  async run(): Promise<void> {
    const { clients, sender, dispatcher, stopAccepting, withdraw } = this.#context;
    const { isGraceful, drainMs } = this.#options;
    stopAccepting();
    if (isGraceful) {
      if (drainMs > 0) {
        await withdraw();
        await closeClients(this.#context, drainMs, () => this.#isQuick);
      }
      await this.#drainEvents();
    }
    // Withdraw first, so that no worker dials a gateway that is about to end.
    await withdraw();
    this.#context.moves.giveBackAll();
    for (const client of clients.all()) {
      sender.close(client, ServerClosure.ServerStops);
    }
    await this.#clock.waitUntil(() => clients.size === 0, this.#stepMs);
    for (const client of clients.all()) sender.destroy(client, ClosedBy.Server);
    await this.#clock.waitUntil(() => dispatcher.eventsWithWorkers === 0, this.#stepMs / 2);
  }

  /** Pauses reading, and waits until the events in flight are acknowledged. */
  async #drainEvents(): Promise<void> {
    const { clients, dispatcher, logger } = this.#context;
    for (const client of clients.all()) client.pause(PauseReason.Stopping);
    // After the withdrawal no new worker can dial the gateway.
    const graceMs = this.#options.drainMs > 0 ? 0 : WORKER_RESTART_MS;
    let lastProgress = performance.now();
    const isDone = (): boolean => {
      if (dispatcher.eventsInFlight === 0) return true;
      if (dispatcher.eventsWithWorkers > 0) lastProgress = performance.now();
      return performance.now() - lastProgress >= graceMs && dispatcher.eventsWithWorkers === 0;
    };
    await this.#clock.waitUntil(isDone, this.#stepMs * 2);
    const events = dispatcher.eventsInFlight;
    if (events > 0) logger.warn({ events }, 'events not acknowledged before the stop');
  }
}

function quickTimeMs({ timeoutMs }: StopOptions): number {
  return Math.min(timeoutMs, QUICK_STOP_MS);
}
