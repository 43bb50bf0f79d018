import { Deadline, type Logger, type StopOptions } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { ClientSender } from './clients/client-sender.ts';
import type { ClientTable } from './clients/client-table.ts';
import { closeClients } from './clients/close-clients.ts';
import { PauseReason } from './clients/pause-reason.ts';
import { ServerClosure } from './clients/server-closure.ts';
import type { EventDispatcher } from './workers/event-dispatcher.ts';

/** Time that clients and workers have to take leave when the stop is not graceful, in milliseconds. */
const QUICK_STOP_MS = 1000;

/** Longest part of the time of a graceful stop that is kept for each of its later steps, in milliseconds. */
const STEP_MS = 2000;

/**
 * Time that events which no linked worker can handle wait for one in a graceful stop, in milliseconds: a
 * worker that is just being started anew takes no longer.
 */
const NEW_WORKER_MS = 3000;

/** What the stop of a gateway works on. */
export interface GatewayStopContext {
  readonly clients: ClientTable;
  readonly sender: ClientSender;
  readonly dispatcher: EventDispatcher;
  readonly logger: Logger;
  /** Lets no new client in. */
  readonly stopAccepting: () => void;
  /** Tells the registers that this gateway is gone: no worker dials it any more. */
  readonly withdraw: () => Promise<void>;
}

/** The end of a gateway: what becomes of its clients and of their events. */
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

  /** Makes a graceful stop that is under way a quick one. */
  makeQuick(options: StopOptions): void {
    if (options.isGraceful) return;
    this.#isQuick = true;
    this.#clock.shorten(quickTimeMs(options));
  }

  /** Resolves when no client is left and the workers know of the end of each, or the time is over. */
  async run(): Promise<void> {
    const { clients, sender, dispatcher, stopAccepting, withdraw } = this.#context;
    const { isGraceful, drainMs } = this.#options;
    stopAccepting();
    if (isGraceful) {
      if (drainMs > 0) {
        await withdraw();
        await closeClients(this.#context, drainMs, () => this.#isQuick);
      }
      await this.#finishEvents();
    }
    // Unlisted first, so that no worker dials a gateway that is about to go.
    await withdraw();
    for (const client of clients.all()) {
      sender.close(client, ServerClosure.ServerStops);
    }
    await this.#clock.waitUntil(() => clients.size === 0, this.#stepMs);
    for (const client of clients.all()) sender.destroy(client, ClosedBy.Server);
    await this.#clock.waitUntil(() => dispatcher.eventsWithWorkers === 0, this.#stepMs / 2);
  }

  /** Reads nothing more, and waits until what was read is handled. */
  async #finishEvents(): Promise<void> {
    const { clients, dispatcher, logger } = this.#context;
    for (const client of clients.all()) client.pause(PauseReason.Stopping);
    // Without a register entry no worker comes any more.
    const chanceMs = this.#options.drainMs > 0 ? 0 : NEW_WORKER_MS;
    let lastUnderWay = performance.now();
    const isDone = (): boolean => {
      if (dispatcher.eventsInFlight === 0) return true;
      if (dispatcher.eventsWithWorkers > 0) lastUnderWay = performance.now();
      return performance.now() - lastUnderWay >= chanceMs && dispatcher.eventsWithWorkers === 0;
    };
    await this.#clock.waitUntil(isDone, this.#stepMs * 2);
    const events = dispatcher.eventsInFlight;
    if (events > 0) logger.warn({ events }, 'the gateway stops before these events are handled');
  }
}

function quickTimeMs({ timeoutMs }: StopOptions): number {
  return Math.min(timeoutMs, QUICK_STOP_MS);
}
