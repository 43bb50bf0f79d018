import { randomUUID } from 'node:crypto';
import {
  type ConnectionStatus,
  DialedLink,
  emptyRoleStatus,
  FlushScheduler,
  FrameServer,
  formatHostPort,
  type HostPort,
  type Logger,
  type RoleRuntime,
  type RoleStatus,
  resolveRegisterAddresses,
} from '@gatewayworker/core';
import {
  AcceptorRole,
  CloseCode,
  ClosedBy,
  DialerRole,
  type GatewayEntry,
} from '@gatewayworker/protocol';
import { AdmissionControl, type AdmittedAs } from './admission-control.ts';
import { ClientSender } from './client-sender.ts';
import { ClientTable } from './client-table.ts';
import { listConnections } from './connection-list.ts';
import { EventDispatcher } from './event-dispatcher.ts';
import { equipClient, forgetClient, type GatewayState } from './gateway-state.ts';
import { Heartbeat } from './heartbeat.ts';
import { InnerLinks } from './inner-links.ts';
import { LimitCounters } from './limit-counters.ts';
import { MessageRate } from './message-rate.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import { createTransport } from './transports/create-transport.ts';
import type { ClientSocket, ClientSocketHandler, Transport } from './transports/transport.ts';
import { WorkerPool } from './worker-pool.ts';
import { createRouter } from './worker-router.ts';

/** Time that clients and workers have to take leave when the gateway stops, in milliseconds. */
const STOP_GRACE_MS = 1000;

/** One gateway process: it holds client sockets and runs none of the application's code. */
export class GatewayRuntime implements RoleRuntime {
  readonly #options: ResolvedGatewayOptions;
  readonly #id: number;
  readonly #logger: Logger;
  readonly #instanceId: string = randomUUID();
  readonly #scheduler = new FlushScheduler();
  readonly #workers: WorkerPool;
  readonly #admission: AdmissionControl;
  readonly #transport: Transport;
  readonly #state: GatewayState;
  readonly #dispatcher: EventDispatcher;
  readonly #innerLinks: InnerLinks;
  readonly #innerServer: FrameServer;
  #registerLinks: readonly DialedLink[] = [];
  #innerPort = 0;
  #isAccepting = false;
  #isStopped = false;
  #heartbeat: Heartbeat | undefined;
  #received = 0;

  constructor(options: ResolvedGatewayOptions, context: { id: number; logger: Logger }) {
    this.#options = options;
    this.#id = context.id;
    this.#logger = context.logger;
    const scheduler = this.#scheduler;
    const { logger } = context;
    const clients = new ClientTable();
    const limits = new LimitCounters();
    this.#workers = new WorkerPool(createRouter(options.router, logger));
    this.#transport = createTransport(options, { scheduler, limits, logger });
    this.#state = {
      clients,
      uids: new MembershipIndex(),
      groups: new MembershipIndex(),
      sender: new ClientSender(this.#transport, options, limits),
      limits,
      logger,
    };
    const workers = this.#workers;
    this.#dispatcher = new EventDispatcher(options, { workers, limits, logger });
    this.#admission = new AdmissionControl({
      ...this.#state,
      workers,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      maxConnections: options.maxConnections,
      port: () => this.#transport.port,
      isAccepting: () => this.#isAccepting,
      onClient: (socket, as) => this.#handleClient(socket, as),
    });
    this.#innerLinks = new InnerLinks(this.#state, this.#dispatcher);
    this.#innerServer = new FrameServer({
      identity: {
        role: AcceptorRole.Gateway,
        instanceId: this.#instanceId,
        name: options.name,
        id: this.#id,
        gatewayToken: clients.gatewayToken,
      },
      secretKey: options.secretKey,
      allowedRoles: [DialerRole.Worker, DialerRole.Client],
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
    return this.#isStopped;
  }

  /** Port for inner links, once started. */
  get innerPort(): number {
    return this.#innerPort;
  }

  /** Workers that are ready for its clients. */
  get workerCount(): number {
    return this.#workers.size;
  }

  get #owner(): string {
    return `Gateway "${this.#options.name}"`;
  }

  async start(): Promise<void> {
    this.#innerPort = await this.#innerServer.listen(this.#innerAddress(), this.#owner);
    await this.#transport.listen({
      admit: (candidate, decide) => this.#admission.admit(candidate, decide),
    });
    this.#heartbeat = new Heartbeat(this.#options, this.#state);
    this.#isAccepting = true;
    await this.#announce();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isAccepting = false;
    this.#heartbeat?.stop();
    // Unlisted first, so that no worker dials a gateway that is about to go.
    await Promise.all(this.#registerLinks.map((link) => link.close()));
    this.#transport.stopAccepting();
    for (const client of this.#state.clients.all()) {
      this.#state.sender.close(client, ClosedBy.Server, CloseCode.GoingAway, 'the server stops');
    }
    const deadline = performance.now() + STOP_GRACE_MS;
    await this.#waitUntil(() => this.#state.clients.size === 0, deadline);
    for (const client of this.#state.clients.all()) client.socket.destroy(ClosedBy.Server);
    const areEventsHandled = (): boolean =>
      this.#workers.size === 0 || this.#dispatcher.eventsInFlight === 0;
    await this.#waitUntil(areEventsHandled, deadline);
    this.#dispatcher.close();
    await this.#innerServer.close();
  }

  status(): RoleStatus {
    const { clients, sender } = this.#state;
    return {
      ...emptyRoleStatus,
      listen: this.#options.listen,
      ready: this.#isAccepting,
      connections: clients.size + this.#innerServer.connectionCount,
      inFlight: this.#dispatcher.eventsInFlight,
      sent: sender.sent,
      received: this.#received,
      failedSends: sender.failed,
      requests: this.#innerLinks.answeredQueries,
      limits: { ...this.#state.limits },
    };
  }

  connections(): Iterable<readonly ConnectionStatus[]> {
    return listConnections(this.#state.clients);
  }

  #innerAddress(): HostPort {
    const { lanIp, startPort } = this.#options;
    return { host: lanIp, port: startPort === 0 ? 0 : startPort + this.#id };
  }

  /** Tells every register where this gateway is. Resolves when one knows, or has failed to answer once. */
  async #announce(): Promise<void> {
    const { registerAddress, secretKey, name, lanIp } = this.#options;
    const gateway: GatewayEntry = {
      address: formatHostPort(lanIp, this.#innerPort),
      instanceId: this.#instanceId,
      gatewayToken: this.#state.clients.gatewayToken,
      name,
    };
    const { instanceId } = gateway;
    const identity = { role: DialerRole.Gateway, instanceId, name, id: this.#id };
    const addresses = resolveRegisterAddresses('Gateway.registerAddress', registerAddress);
    await new Promise<void>((resolve) => {
      this.#registerLinks = addresses.map((address) => {
        return new DialedLink({
          address,
          identity,
          secretKey,
          scheduler: this.#scheduler,
          logger: this.#logger,
          onUp: (connection) => {
            connection.send({ type: 'gatewayAnnouncement', gateway });
            resolve();
          },
          onDown: () => undefined,
          onFailed: () => resolve(),
        });
      });
    });
  }

  #handleClient(socket: ClientSocket, as: AdmittedAs | undefined): ClientSocketHandler {
    const client = this.#state.clients.add(socket);
    if (as !== undefined) equipClient(this.#state, client, as.decision);
    this.#dispatcher.dispatchConnected(client, as?.worker);
    const { maxMessagesPerSecond } = this.#options;
    const rate =
      maxMessagesPerSecond === 0
        ? undefined
        : new MessageRate(maxMessagesPerSecond, performance.now());
    return {
      onMessage: (payload, isBinary) => {
        if (client.isClosing) return;
        this.#received += 1;
        if (rate?.take(performance.now()) === false) {
          this.#state.limits.messageRate += 1;
          const { PolicyViolation } = CloseCode;
          this.#state.sender.close(client, ClosedBy.Protocol, PolicyViolation, 'too many messages');
          return;
        }
        this.#dispatcher.dispatchMessage(client, payload, isBinary);
      },
      onClose: (closure) => {
        client.isClosing = true;
        forgetClient(this.#state, client);
        this.#dispatcher.dispatchClosed(client, closure);
      },
    };
  }

  async #waitUntil(isDone: () => boolean, deadline: number): Promise<void> {
    while (!isDone() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
