import { randomUUID } from 'node:crypto';
import {
  Deadline,
  emptyRoleStatus,
  FlushScheduler,
  Guard,
  type Logger,
  quickStop,
  type RoleRuntime,
  type RoleStatus,
  type StopOptions,
} from '@gatewayworker/core';
import { parseDiscoveryAddress } from '@gatewayworker/discovery';
import { GatewayPool, sendReply } from '@gatewayworker/gateway-client';
import { CloseCode, DialerRole, parseClientId } from '@gatewayworker/protocol';
import { AttachedClients } from './attached-clients.ts';
import type { EventHandler, WorkerInfo } from './event-handler.ts';
import { EventRunner } from './event-runner.ts';
import { importEvents } from './events.ts';
import { setWorkerProcess } from './gateway.ts';
import type { ResolvedBusinessWorkerOptions } from './options.ts';
import { WorkerGateway } from './worker-gateway.ts';

/** Time for running callbacks to finish when the stop is not graceful, in milliseconds. */
const QUICK_STOP_MS = 1000;

/** Maximum time of a graceful stop that is reserved for `onWorkerStop` and the flush, in milliseconds. */
const STOP_RESERVE_MS = 2000;

/** Named in the log when the session of a moved client cannot be stored. */
const settled = { kind: 'resumed', awayMs: 0 } as const;

/** The parts of a worker that has started. */
interface StartedWorker {
  readonly events: EventHandler;
  readonly pool: GatewayPool;
  readonly clients: AttachedClients;
  readonly runner: EventRunner;
  readonly info: WorkerInfo;
}

/** Context of a business worker. */
export interface BusinessWorkerContext {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  readonly logger: Logger;
  /** Guard of the process. @default a new guard */
  readonly guard?: Guard | undefined;
  /** Loads the application's callbacks. @default imports the module of the `eventHandler` option */
  readonly loadEvents?: (eventHandler: string) => Promise<EventHandler>;
}

/** The role of a business worker process: runs the callbacks of the application. */
export class BusinessWorkerRuntime implements RoleRuntime {
  readonly #options: ResolvedBusinessWorkerOptions;
  readonly #id: number;
  readonly #logger: Logger;
  readonly #guard: Guard;
  readonly #loadEvents: (eventHandler: string) => Promise<EventHandler>;
  readonly #pendingReports = new AbortController();
  #worker: StartedWorker | undefined;
  #isReady = false;
  #isInWorkerStart = false;
  #deadline: Deadline | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ResolvedBusinessWorkerOptions, context: BusinessWorkerContext) {
    this.#options = options;
    this.#id = context.id;
    const { logger, guard = new Guard(logger) } = context;
    this.#logger = logger;
    this.#guard = guard;
    this.#loadEvents = context.loadEvents ?? importEvents;
  }

  async start(): Promise<void> {
    const events = await this.#loadEvents(this.#options.eventHandler);
    const worker = this.#createParts(events);
    this.#worker = worker;
    setWorkerProcess(worker);
    await worker.pool.settled();
    this.#isInWorkerStart = true;
    await events.onWorkerStart?.(worker.info);
    this.#isInWorkerStart = false;
    worker.clients.setReady();
    this.#isReady = this.#stopped === undefined;
  }

  async stop(options: StopOptions = quickStop): Promise<void> {
    this.#pendingReports.abort();
    const worker = this.#worker;
    if (worker === undefined) return;
    const { isGraceful, timeoutMs } = options;
    const timeMs = isGraceful ? timeoutMs : Math.min(timeoutMs, QUICK_STOP_MS);
    this.#deadline ??= new Deadline(timeMs);
    this.#deadline.shorten(timeMs);
    this.#stopped ??= this.#end(worker, this.#deadline, options);
    await this.#stopped;
  }

  status(): RoleStatus {
    const worker = this.#worker;
    return {
      ...emptyRoleStatus,
      ready: this.#isReady,
      notReadyReasons: this.#stopped === undefined ? this.#notReadyReasons() : [],
      warnings: this.#stopped === undefined ? (worker?.pool.warnings ?? []) : [],
      connections: worker?.pool.links.length ?? 0,
      inFlight: worker?.runner.running ?? 0,
      sent: worker?.pool.sentCommands ?? 0,
      received: worker?.runner.completed ?? 0,
      failedSends: worker?.pool.refusedCommands ?? 0,
      limits: { internalError: this.#guard.caught },
      tables: {
        clients: worker?.clients.size ?? 0,
        lostClients: worker?.clients.lostClients ?? 0,
        heldSessions: worker?.clients.sessions.held ?? 0,
        laneEntries: worker?.pool.lane.size ?? 0,
        laneBytes: worker?.pool.lane.bytes ?? 0,
        gateways: worker?.pool.links.length ?? 0,
      },
    };
  }

  #notReadyReasons(): string[] {
    const notReadyReasons = this.#worker?.pool.notReadyReasons ?? [];
    return this.#isInWorkerStart
      ? ['onWorkerStart has not settled', ...notReadyReasons]
      : notReadyReasons;
  }

  async #end(worker: StartedWorker, deadline: Deadline, options: StopOptions): Promise<void> {
    const { clients, events, info, pool, runner } = worker;
    this.#isReady = false;
    clients.drain();
    // No gateway can take these sessions: their clients get `onClose`.
    clients.sessions.close();
    const { isGraceful, timeoutMs } = options;
    const isDone = (): boolean =>
      runner.running === 0 && clients.isDrained && !(isGraceful && clients.hasLostClients);
    if (
      !(await deadline.waitUntil(isDone, isGraceful ? Math.min(STOP_RESERVE_MS, timeoutMs / 4) : 0))
    ) {
      this.#logUnacknowledged(worker);
    }
    // No callback starts during or after `onWorkerStop`: the remaining events are lost, or redelivered to another worker.
    runner.close();
    try {
      await events.onWorkerStop?.(info);
    } catch (error) {
      runner.report(error, 'onWorkerStop', undefined);
    }
    const handover = pool.handOverLanes();
    await deadline.waitUntil(() => handover.isOver);
    clients.close();
    await pool.close();
    this.#guard.close();
    runner.closeLog();
    this.#worker = undefined;
    setWorkerProcess(undefined);
  }

  #logUnacknowledged({ clients, runner }: StartedWorker): void {
    const { unacknowledged } = clients;
    if (unacknowledged.events === 0 && runner.running === 0) return;
    this.#logger.warn(
      { ...unacknowledged, callbacks: runner.running },
      'the worker stops with unacknowledged events',
    );
  }

  #createParts(events: EventHandler): StartedWorker {
    const { registerAddress, name } = this.#options;
    const gateway = new WorkerGateway(
      () => pool,
      () => clients,
    );
    const { InternalError: code } = CloseCode;
    const runner: EventRunner = new EventRunner({
      events,
      guard: this.#guard,
      logger: this.#logger,
      onFailed: ({ clientId }) => {
        gateway.closeClient(clientId, null, { code, reason: 'internal error' });
      },
      onReply: ({ clientId }, number, { data, isFailed }) => {
        sendReply(pool, parseClientId(clientId), { number, payload: data, isFailed });
      },
      onRefused: ({ clientId }) => {
        gateway.closeClient(clientId, null, { code: CloseCode.ResumeRefused });
      },
      onAcknowledge: (context, event) => clients.acknowledge(context, event),
    });
    const clients: AttachedClients = new AttachedClients({
      gateway,
      guard: this.#guard,
      logger: this.#logger,
      onEvent: (context, event) => runner.run(context, event),
      onSettled: (context) => runner.storeSession(context, settled),
      isAlive: (link) => pool.isAlive(link),
      redelivers: this.#options.redeliver,
      decidesResumes: events.onResume !== undefined,
      decide: events.onHandshake && ((candidate) => runner.decide(candidate)),
    });
    const instanceId = randomUUID();
    const pool: GatewayPool = new GatewayPool({
      ...this.#options,
      address: parseDiscoveryAddress('BusinessWorker.registerAddress', registerAddress),
      identity: { role: DialerRole.Worker, instanceId, name, id: this.#id },
      scheduler: new FlushScheduler(this.#guard),
      logger: this.#logger,
      onFrame: (...frame) => clients.handleFrame(...frame),
      onLinkUp: (link) => clients.addLink(link),
      onLinkDown: (...down) => clients.removeLink(...down),
      onDirectoryChange: () => clients.closeLostClients(),
    });
    const { signal } = this.#pendingReports;
    const info: WorkerInfo = { id: this.#id, name, logger: this.#logger, gateway, signal };
    return { events, pool, clients, runner, info };
  }
}
