import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionStatus,
  canonicalAddress,
  DescriptorReserve,
  emptyRoleStatus,
  FlushScheduler,
  FrameServer,
  formatHostPort,
  Guard,
  type HostPort,
  type Logger,
  quickStop,
  type RoleRuntime,
  type RoleStatus,
  type StopOptions,
} from '@gatewayworker/core';
import {
  type Announcement,
  createDiscovery,
  describeAway,
  parseDiscoveryAddress,
} from '@gatewayworker/discovery';
import { AcceptorRole, CloseCode, ClosedBy, DialerRole } from '@gatewayworker/protocol';
import { AdmissionControl, type AdmittedAs } from './admission-control.ts';
import { ClientEvents, type ClientEventsContext } from './client-events.ts';
import { ClientRoutes } from './client-routes.ts';
import { ClientSender } from './client-sender.ts';
import { ClientTable } from './client-table.ts';
import { listConnections } from './connection-list.ts';
import { EventDispatcher } from './event-dispatcher.ts';
import type { GatewayContext } from './gateway-context.ts';
import {
  type ClientTables,
  equipClient,
  forgetClient,
  type GatewayState,
} from './gateway-state.ts';
import { GatewayStop } from './gateway-stop.ts';
import { Heartbeat } from './heartbeat.ts';
import { InnerLinks } from './inner-links.ts';
import { LimitCounters } from './limit-counters.ts';
import { innerListenAddress, type ResolvedGatewayOptions } from './options.ts';
import { InterestPublisher } from './subscriptions/interest-publisher.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import { createTransport } from './transports/create-transport.ts';
import type { ClientSocket, ClientSocketHandler, Transport } from './transports/transport.ts';
import { WorkerCensus } from './worker-census.ts';
import { createRouter } from './worker-router.ts';

/** How a client ends whose events have waited for too long. */
const expired = [ClosedBy.Server, CloseCode.TryAgainLater, 'no worker is ready'] as const;

/** Time that a gateway which starts waits for workers that the registers name, in milliseconds. */
const WORKERS_TIMEOUT_MS = 2000;
/** How often it looks, in milliseconds. */
const WORKERS_LOOK_MS = 10;

/** One gateway process: it holds client sockets and runs none of the application's code. */
export class GatewayRuntime implements RoleRuntime {
  readonly #options: ResolvedGatewayOptions;
  readonly #id: number;
  readonly #logger: Logger;
  readonly #descriptors: DescriptorReserve;
  readonly #instanceId: string = randomUUID();
  readonly #guard: Guard;
  readonly #scheduler: FlushScheduler;
  readonly #routes: ClientRoutes;
  readonly #admission: AdmissionControl;
  readonly #transport: Transport;
  readonly #state: GatewayState;
  readonly #dispatcher: EventDispatcher;
  readonly #innerLinks: InnerLinks;
  readonly #census = new WorkerCensus();
  readonly #innerServer: FrameServer;
  #announcement: Announcement | undefined;
  #innerPort = 0;
  #isAccepting = false;
  #stop: GatewayStop | undefined;
  #stopped: Promise<void> | undefined;
  #heartbeat: Heartbeat | undefined;
  readonly #clientEvents: ClientEventsContext;

  constructor(options: ResolvedGatewayOptions, context: GatewayContext) {
    this.#options = options;
    this.#id = context.id;
    this.#logger = context.logger;
    const { logger, guard = new Guard(logger) } = context;
    const scheduler = new FlushScheduler(guard);
    this.#guard = guard;
    this.#scheduler = scheduler;
    const descriptors = context.descriptors ?? new DescriptorReserve(logger);
    this.#descriptors = descriptors;
    const clients = new ClientTable();
    const limits = new LimitCounters();
    this.#transport = createTransport(options, {
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
      sender: new ClientSender(options, { transport: this.#transport, tables, limits, guard }),
      limits,
      guard,
      logger,
    };
    const routes = new ClientRoutes(options, {
      limits,
      guard,
      logger,
      createRouter: () => createRouter(options.router, logger),
      onExpired: (client) => this.#state.sender.close(client, ...expired),
    });
    this.#routes = routes;
    this.#dispatcher = new EventDispatcher(options, { routes, limits, guard, logger });
    this.#clientEvents = {
      state: this.#state,
      dispatcher: this.#dispatcher,
      maxMessagesPerSecond: options.maxMessagesPerSecond,
      received: 0,
    };
    this.#admission = new AdmissionControl({
      ...this.#state,
      routes,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      maxConnections: options.maxConnections,
      port: () => this.#transport.port,
      isAccepting: () => this.#isAccepting,
      onClient: (socket, as) => this.#handleClient(socket, as),
      onDecided: (worker) => this.#dispatcher.handleDecided(worker),
    });
    this.#innerLinks = new InnerLinks(this.#state, {
      dispatcher: this.#dispatcher,
      census: this.#census,
      interest: new InterestPublisher({
        ...tables,
        scheduler,
        maxPendingBytes: options.sendToWorkerBufferSize,
      }),
    });
    this.#innerServer = new FrameServer({
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
      onLink: (connection, hello) => this.#innerLinks.add(connection, hello),
    });
  }

  /** Port that clients connect to, once started. */
  get port(): number {
    return this.#transport.port;
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
    this.#innerPort = await this.#innerServer.listen(this.#innerAddress(), this.#owner);
    await this.#announce();
    await this.#awaitWorkers();
    // A stop has come first.
    if (this.isStopped) return;
    try {
      await this.#transport.listen({
        admit: (candidate, decide) => this.#admission.admit(candidate, decide),
      });
    } catch (error) {
      await this.#withdraw();
      throw error;
    }
    this.#heartbeat = new Heartbeat(this.#options, this.#state);
    this.#isAccepting = true;
  }

  async stop(options: StopOptions = quickStop): Promise<void> {
    if (this.#stop === undefined) {
      this.#stop = new GatewayStop(options, {
        ...this.#state,
        dispatcher: this.#dispatcher,
        stopAccepting: () => this.#stopAccepting(),
        withdraw: () => this.#withdraw(),
      });
      this.#stopped = this.#end(this.#stop);
    } else {
      this.#stop.hurry(options);
    }
    await this.#stopped;
  }

  status(): RoleStatus {
    const { clients, sender } = this.#state;
    return {
      ...emptyRoleStatus,
      listen: this.#options.listen,
      ready: this.#isAccepting,
      obstacles: this.isStopped ? [] : this.#obstacles(),
      notices: this.isStopped ? [] : this.#notices(),
      connections: clients.size + this.#innerServer.connectionCount,
      inFlight: this.#dispatcher.eventsInFlight,
      sent: sender.sent,
      received: this.#clientEvents.received,
      failedSends: sender.failed,
      requests: this.#innerLinks.answeredQueries,
      limits: { ...this.#state.limits, internalError: this.#guard.caught },
      tables: {
        clients: clients.size,
        uids: this.#state.uids.size,
        groups: this.#state.groups.size,
        heldEvents: this.#dispatcher.heldEvents,
        workers: this.#routes.workerCount,
      },
    };
  }

  connections(): Iterable<readonly ConnectionStatus[]> {
    return listConnections(this.#state.clients);
  }

  async #end(stop: GatewayStop): Promise<void> {
    await stop.run();
    this.#heartbeat?.stop();
    this.#dispatcher.close();
    await this.#innerServer.close();
    this.#guard.close();
    this.#descriptors.close();
  }

  #obstacles(): string[] {
    const { isKnown = false, failures } = this.#announcement ?? {};
    const obstacles = this.#routes.describeEmpty();
    if (this.#descriptors.isUsed) obstacles.push('too many open files: new clients are refused');
    return isKnown ? obstacles : [...obstacles, this.#describeAway(failures)];
  }

  /** Those that have found it go on with it. */
  #notices(): string[] {
    const { isKnown = false, isCurrent = false } = this.#announcement ?? {};
    return isKnown && !isCurrent ? [this.#describeAway()] : [];
  }

  #describeAway(failures?: readonly string[]): string {
    const address = parseDiscoveryAddress('Gateway.registerAddress', this.#options.registerAddress);
    return describeAway(address, failures);
  }

  #stopAccepting(): void {
    this.#isAccepting = false;
    this.#transport.stopAccepting();
  }

  /** Lets nobody in who would be refused: workers that are there link within moments. */
  async #awaitWorkers(): Promise<void> {
    const deadline = performance.now() + WORKERS_TIMEOUT_MS;
    while (this.#census.hasWorkers && this.#routes.describeEmpty().length > 0) {
      if (this.isStopped || performance.now() > deadline) return;
      await sleep(WORKERS_LOOK_MS);
    }
  }

  async #withdraw(): Promise<void> {
    await this.#announcement?.close();
  }

  #innerAddress(): HostPort {
    const { host, port } = innerListenAddress(this.#options);
    return { host, port: port === 0 ? 0 : port + this.#id };
  }

  /** Makes this gateway known. Resolves when somebody knows it, or a first attempt has failed. */
  async #announce(): Promise<void> {
    const { registerAddress, name, lanIp, startPort } = this.#options;
    // A port that was taken is the one to dial; one that was given may be mapped to another.
    const isFree = startPort === 0 || innerListenAddress(this.#options).port === 0;
    const port = isFree ? this.#innerPort : startPort + this.#id;
    const instanceId = this.#instanceId;
    const discovery = createDiscovery(
      parseDiscoveryAddress('Gateway.registerAddress', registerAddress),
      {
        ...this.#options,
        identity: { role: DialerRole.Gateway, instanceId, name, id: this.#id },
        scheduler: this.#scheduler,
        logger: this.#logger,
      },
    );
    // Registers compare addresses by their text.
    const address = formatHostPort(canonicalAddress(lanIp) ?? lanIp, port);
    const { gatewayToken } = this.#state.clients;
    this.#announcement = discovery.announce(
      { address, instanceId, gatewayToken, name },
      {
        onWorkers: (source, instanceIds) => {
          this.#census.update(source, instanceIds);
          this.#innerLinks.dropGone();
        },
        onSourceLost: (source) => this.#census.forget(source),
      },
    );
    await this.#announcement.settled;
  }

  #handleClient(socket: ClientSocket, as: AdmittedAs | undefined): ClientSocketHandler {
    const client = this.#state.clients.add(socket);
    try {
      if (as !== undefined) equipClient(this.#state, client, as.decision);
      this.#dispatcher.dispatchConnected(client, as?.worker);
    } catch (error) {
      forgetClient(this.#state, client);
      this.#dispatcher.silence(client);
      throw error;
    }
    return new ClientEvents(client, this.#clientEvents);
  }
}
