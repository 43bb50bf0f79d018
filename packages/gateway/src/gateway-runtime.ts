import { randomUUID } from 'node:crypto';
import {
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
import { ClientSender } from './client-sender.ts';
import { ClientTable } from './client-table.ts';
import { EventDispatcher } from './event-dispatcher.ts';
import { forgetClient, type GatewayState } from './gateway-state.ts';
import { InnerLinks } from './inner-links.ts';
import { parseListenAddress, type ResolvedGatewayOptions } from './options.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import type {
  Admission,
  ClientSocket,
  ClientSocketHandler,
  Refusal,
  Transport,
} from './transports/transport.ts';
import { WebsocketTransport } from './transports/websocket-transport.ts';
import { WorkerPool } from './worker-pool.ts';
import { LeastConnectionsRouter } from './worker-router.ts';

/** Time that clients and workers have to take leave when the gateway stops, in milliseconds. */
const STOP_GRACE_MS = 1000;

/** One gateway process: it holds client sockets and runs none of the application's code. */
export class GatewayRuntime implements RoleRuntime {
  readonly #options: ResolvedGatewayOptions;
  readonly #id: number;
  readonly #logger: Logger;
  readonly #instanceId: string = randomUUID();
  readonly #scheduler = new FlushScheduler();
  readonly #workers = new WorkerPool(new LeastConnectionsRouter());
  readonly #transport: Transport;
  readonly #state: GatewayState;
  readonly #dispatcher: EventDispatcher;
  readonly #innerLinks: InnerLinks;
  readonly #innerServer: FrameServer;
  #registerLinks: readonly DialedLink[] = [];
  #innerPort = 0;
  #isAccepting = false;
  #isStopped = false;
  readonly #admission: Admission = {
    isAccepted: true,
    onClient: (socket) => this.#handleClient(socket),
  };
  #received = 0;

  constructor(options: ResolvedGatewayOptions, context: { id: number; logger: Logger }) {
    this.#options = options;
    this.#id = context.id;
    this.#logger = context.logger;
    const scheduler = this.#scheduler;
    const { logger } = context;
    const clients = new ClientTable();
    this.#transport = new WebsocketTransport({
      address: parseListenAddress(options.listen),
      owner: this.#owner,
      maxMessageBytes: options.maxMessageBytes,
      scheduler,
      logger,
    });
    this.#state = {
      clients,
      uids: new MembershipIndex(),
      groups: new MembershipIndex(),
      sender: new ClientSender(this.#transport, options.sendToClientBufferSize),
      logger,
    };
    this.#dispatcher = new EventDispatcher(options, this.#workers, logger);
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
      admit: (_candidate, decide) => decide(this.#refusal() ?? this.#admission),
    });
    this.#isAccepting = true;
    await this.#announce();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isAccepting = false;
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
    };
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

  #refusal(): Refusal | undefined {
    if (this.#isAccepting && this.#workers.size > 0) return undefined;
    const reason = this.#isAccepting ? 'no worker is ready' : 'the server stops';
    return { isAccepted: false, status: 503, reason };
  }

  #handleClient(socket: ClientSocket): ClientSocketHandler {
    const client = this.#state.clients.add(socket);
    this.#dispatcher.dispatchConnected(client);
    return {
      onMessage: (payload, isBinary) => {
        if (client.isClosing) return;
        this.#received += 1;
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
