import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionStatus,
  DescriptorReserve,
  emptyRoleStatus,
  FlushScheduler,
  FrameServer,
  GatewayWorkerError,
  Guard,
  type HostPort,
  type ListenTarget,
  quickStop,
  type RoleRuntime,
  type RoleStatus,
  type StopOptions,
  type SuccessorChannel,
  ThrottledLog,
} from '@gatewayworker/core';
import { AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import { AdmissionControl, type AdmittedAs } from './clients/admission-control.ts';
import { ClientEvents, type ClientEventsContext } from './clients/client-events.ts';
import { ClientSender } from './clients/client-sender.ts';
import { ClientTable, type ClientTables, forgetClient } from './clients/client-table.ts';
import { listConnections } from './clients/connection-list.ts';
import { Heartbeat } from './clients/heartbeat.ts';
import { LimitCounters } from './clients/limit-counters.ts';
import { ServerClosure } from './clients/server-closure.ts';
import type { GatewayContext } from './gateway-context.ts';
import { GatewayPresence } from './gateway-presence.ts';
import { applyHandshakeDecision, type GatewayState } from './gateway-state.ts';
import { GatewayStop } from './gateway-stop.ts';
import { AdmissionGate } from './handover/admission-gate.ts';
import { addressesOf } from './handover/gateway-addresses.ts';
import type { GatewayParts } from './handover/gateway-parts.ts';
import { HANDOVER_VERSION } from './handover/handover-messages.ts';
import type { IncomingHandover } from './handover/incoming-handover.ts';
import { OutgoingHandover } from './handover/outgoing-handover.ts';
import { innerListenAddress, type ResolvedGatewayOptions } from './options.ts';
import { ClientRoutes } from './routes/client-routes.ts';
import { InterestPublisher } from './subscriptions/interest-publisher.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import { createTransport } from './transports/create-transport.ts';
import type { ClientSocket, ClientSocketHandler } from './transports/transport.ts';
import { EventDispatcher } from './workers/event-dispatcher.ts';
import { InnerLinks } from './workers/inner-links.ts';
import { WorkerLivenessTable } from './workers/worker-liveness-table.ts';
import { createRouter } from './workers/worker-router.ts';

// Loaded with the runtime, of which it needs most parts.
export { IncomingHandover } from './handover/incoming-handover.ts';

/** Time that a gateway which starts waits for workers that the registers name, in milliseconds. */
const WORKERS_TIMEOUT_MS = 2000;
/** How often it looks, in milliseconds. */
const WORKERS_LOOK_MS = 10;

/** One gateway process: it holds client sockets and runs none of the application's code. */
export class GatewayRuntime implements RoleRuntime {
  readonly #options: ResolvedGatewayOptions;
  readonly #id: number;
  readonly #descriptors: DescriptorReserve;
  readonly #instanceId: string;
  readonly #guard: Guard;
  readonly #routes: ClientRoutes;
  readonly #parts: GatewayParts;
  readonly #incoming: IncomingHandover | undefined;
  #outgoing: OutgoingHandover | undefined;
  readonly #state: GatewayState;
  readonly #liveness = new WorkerLivenessTable();
  readonly #presence: GatewayPresence;
  #innerPort = 0;
  #isAccepting = false;
  #stop: GatewayStop | undefined;
  #stopped: Promise<void> | undefined;
  #heartbeat: Heartbeat | undefined;

  /** @param incoming - of the process whose work this one takes over */
  constructor(
    options: ResolvedGatewayOptions,
    context: GatewayContext,
    incoming?: IncomingHandover,
  ) {
    this.#options = options;
    this.#incoming = incoming;
    this.#instanceId = incoming?.identity.instanceId ?? randomUUID();
    this.#id = context.id;
    const { logger, guard = new Guard(logger) } = context;
    const scheduler = new FlushScheduler(guard);
    this.#guard = guard;
    const descriptors = context.descriptors ?? new DescriptorReserve(logger);
    this.#descriptors = descriptors;
    const clients = new ClientTable(incoming?.identity.gatewayToken);
    const limits = new LimitCounters();
    const clientLog = new ThrottledLog(logger);
    const transport = createTransport(options, {
      ...{ scheduler, limits, descriptors, logger },
      openSocket: context.openSocket,
    });
    const tables: ClientTables = {
      clients,
      uids: new MembershipIndex(),
      groups: new MembershipIndex(),
    };
    this.#state = {
      ...tables,
      sender: new ClientSender(options, { transport, tables, limits, guard }),
      limits,
      guard,
      logger,
      clientLog,
    };
    const routes = new ClientRoutes(options, {
      limits,
      guard,
      logger,
      createRouter: () => createRouter(options.router, clientLog),
      onExpired: (client) => this.#state.sender.close(client, ServerClosure.NoWorker),
    });
    this.#routes = routes;
    const dispatcher = new EventDispatcher(options, { ...this.#state, routes });
    const clientEvents: ClientEventsContext = {
      state: this.#state,
      dispatcher,
      maxMessagesPerSecond: options.maxMessagesPerSecond,
      received: 0,
    };
    const admission = new AdmissionControl({
      ...this.#state,
      routes,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      maxConnections: options.maxConnections,
      port: () => transport.port,
      isAccepting: () => this.#isAccepting,
      onClient: (socket, as) => this.#handleClient(socket, as),
      onDecided: (worker) => dispatcher.handleDecided(worker),
    });
    const liveness = this.#liveness;
    const innerLinks = new InnerLinks(this.#state, {
      dispatcher,
      liveness,
      interest: new InterestPublisher({
        ...tables,
        scheduler,
        maxPendingBytes: options.sendToWorkerBufferSize,
      }),
    });
    const innerServer = new FrameServer({
      identity: {
        role: AcceptorRole.Gateway,
        instanceId: this.#instanceId,
        name: options.name,
        id: this.#id,
        gatewayToken: clients.gatewayToken,
      },
      secretKey: options.secretKey,
      tls: options.innerTls,
      allowedRoles: [DialerRole.Worker, DialerRole.Client],
      areLinksResumable: true,
      scheduler,
      logger,
      onLink: (connection, hello) => innerLinks.add(connection, hello),
    });
    this.#presence = new GatewayPresence(options, {
      ...{ id: this.#id, instanceId: this.#instanceId, gatewayToken: clients.gatewayToken },
      ...{ scheduler, logger, liveness, onWorkers: () => innerLinks.expireDeadWorkers() },
    });
    const gate = new AdmissionGate((candidate, decide) => admission.admit(candidate, decide));
    this.#parts = {
      ...{ state: this.#state, routes, dispatcher, innerLinks, innerServer, transport, gate },
      ...{ clientEvents, logger },
    };
  }

  /** Port that clients connect to, once started. */
  get port(): number {
    return this.#parts.transport.port;
  }

  /** True once it was told to stop. */
  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  /** Port for inner links, once started. */
  get innerPort(): number {
    return this.#innerPort;
  }

  /** Workers that are ready for its clients. */
  get workerCount(): number {
    return this.#routes.workerCount;
  }

  get #owner(): string {
    return `Gateway "${this.#options.name}"`;
  }

  async start(): Promise<void> {
    if (this.#incoming !== undefined) return await this.#succeed(this.#incoming);
    await this.#listenForLinks(this.#innerAddress());
    await this.#presence.announce(this.#innerPort);
    await this.#awaitWorkers();
    // A stop has come first.
    if (this.isStopped) return;
    await this.#listenForClients();
  }

  async handOver(successor: SuccessorChannel): Promise<void> {
    if (this.isStopped || !this.#isAccepting || this.#outgoing !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'the gateway is starting or stopping');
    }
    const { host } = innerListenAddress(this.#options);
    const { gatewayToken } = this.#state.clients;
    const innerPort = this.#innerPort;
    const instanceId = this.#instanceId;
    const addresses = addressesOf(this.#options);
    const outgoing = new OutgoingHandover(
      {
        ...this.#parts,
        identity: { version: HANDOVER_VERSION, instanceId, gatewayToken, innerPort, addresses },
        listenAgain: () => this.#listenForLinks({ host, port: innerPort }),
        withdraw: () => this.#withdraw(),
      },
      successor,
    );
    this.#outgoing = outgoing;
    try {
      await outgoing.run();
    } catch (error) {
      this.#outgoing = undefined;
      throw error;
    }
    this.#isAccepting = false;
  }

  async stop(options: StopOptions = quickStop): Promise<void> {
    if (this.#outgoing?.isCommitted) {
      await this.#leave(this.#outgoing, options);
      return;
    }
    if (this.#stop === undefined) {
      this.#stop = new GatewayStop(options, {
        ...this.#state,
        dispatcher: this.#parts.dispatcher,
        stopAccepting: () => this.#stopAccepting(),
        withdraw: () => this.#withdraw(),
      });
      this.#stopped = this.#end(this.#stop);
    } else {
      this.#stop.makeQuick(options);
    }
    await this.#stopped;
  }

  status(): RoleStatus {
    const { clients, sender } = this.#state;
    return {
      ...emptyRoleStatus,
      listen: this.#options.listen,
      ready: this.#isAccepting,
      notReadyReasons: this.isStopped ? [] : this.#notReadyReasons(),
      warnings: this.isStopped ? [] : this.#presence.warnings,
      connections: clients.size + this.#parts.innerServer.connectionCount,
      inFlight: this.#parts.dispatcher.eventsInFlight,
      sent: sender.sent,
      received: this.#parts.clientEvents.received,
      failedSends: sender.failed,
      requests: this.#parts.innerLinks.queryCount,
      limits: { ...this.#state.limits, internalError: this.#guard.caught },
      tables: {
        clients: clients.size,
        uids: this.#state.uids.size,
        groups: this.#state.groups.size,
        heldEvents: this.#parts.dispatcher.heldEvents,
        workers: this.#routes.workerCount,
      },
    };
  }

  connections(): Iterable<readonly ConnectionStatus[]> {
    return listConnections(this.#state.clients);
  }

  /** Becomes the gateway that the predecessor was, while clients and workers wait: for moments. */
  async #succeed(incoming: IncomingHandover): Promise<void> {
    this.#parts.gate.close();
    await incoming.takeOver(this.#parts);
    const { host } = innerListenAddress(this.#options);
    const { innerPort: port } = incoming.identity;
    const openSocket = (): Promise<object> => Promise.resolve(incoming.innerSocket);
    await this.#listenForLinks({ host, port, openSocket });
    await this.#listenForClients();
    this.#parts.gate.open();
    incoming.sendServing();
    // It is the gateway by now: a register that hangs must not make it late.
    const announced = (): void => incoming.sendAnnounced();
    void this.#presence.announce(this.#innerPort).then(announced, announced);
  }

  async #listenForLinks(target: ListenTarget): Promise<void> {
    this.#innerPort = await this.#parts.innerServer.listen(target, this.#owner);
  }

  async #listenForClients(): Promise<void> {
    try {
      await this.#parts.transport.listen(this.#parts.gate);
    } catch (error) {
      await this.#withdraw();
      throw error;
    }
    this.#heartbeat = new Heartbeat(this.#options, this.#state);
    this.#isAccepting = true;
  }

  async #end(stop: GatewayStop): Promise<void> {
    await stop.run();
    await this.#close();
  }

  /** The end of a process that has a successor. */
  async #leave(outgoing: OutgoingHandover, options: StopOptions): Promise<void> {
    await outgoing.finish(options);
    await this.#withdraw();
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#heartbeat?.stop();
    this.#parts.dispatcher.close();
    await this.#parts.innerServer.close();
    this.#guard.close();
    this.#state.clientLog.close();
    this.#descriptors.close();
  }

  #notReadyReasons(): string[] {
    const notReadyReasons = this.#routes.describeEmpty();
    if (this.#descriptors.isUsed)
      notReadyReasons.push('too many open files: new clients are refused');
    return [...notReadyReasons, ...this.#presence.notReadyReasons];
  }

  #stopAccepting(): void {
    this.#isAccepting = false;
    this.#parts.transport.stopAccepting();
  }

  /** Lets nobody in who would be refused: workers that are there link within moments. */
  async #awaitWorkers(): Promise<void> {
    const deadline = performance.now() + WORKERS_TIMEOUT_MS;
    while (this.#liveness.hasWorkers && this.#routes.describeEmpty().length > 0) {
      if (this.isStopped || performance.now() > deadline) return;
      await sleep(WORKERS_LOOK_MS);
    }
  }

  async #withdraw(): Promise<void> {
    await this.#presence.withdraw();
  }

  #innerAddress(): HostPort {
    const { host, port } = innerListenAddress(this.#options);
    return { host, port: port === 0 ? 0 : port + this.#id };
  }

  #handleClient(socket: ClientSocket, as: AdmittedAs | undefined): ClientSocketHandler {
    const client = this.#state.clients.add(socket);
    try {
      if (as !== undefined) applyHandshakeDecision(this.#state, client, as.decision);
      this.#parts.dispatcher.dispatchConnected(client, as?.worker);
    } catch (error) {
      forgetClient(this.#state, client);
      this.#parts.dispatcher.suppressEvents(client);
      throw error;
    }
    return new ClientEvents(client, this.#parts.clientEvents);
  }
}
