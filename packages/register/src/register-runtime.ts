import { randomUUID } from 'node:crypto';
import {
  DescriptorReserve,
  emptyRoleStatus,
  FlushScheduler,
  type FrameConnection,
  FrameServer,
  formatHostPort,
  Guard,
  type Logger,
  parseHostPort,
  type RoleRuntime,
  type RoleStatus,
} from '@gatewayworker/core';
import {
  AcceptorRole,
  DialerRole,
  type GatewayEntry,
  type Message,
  readMessage,
} from '@gatewayworker/protocol';
import { AddressBook, type Announced } from './address-book.ts';
import type { ResolvedRegisterOptions } from './options.ts';

/**
 * Time in which every gateway reconnects to a restarted register, in milliseconds. Gateways wait at most one second
 * between two attempts.
 */
const SYNC_MS = 1500;

/** Maximum number of addresses for which a conflict has been logged. */
const MAX_CONFLICTS = 1024;

/**
 * Tells workers and Gateway API clients which gateways are alive, and gateways which workers are alive. A process is
 * alive while its link to the register is up.
 *
 * Only addresses pass through the register: while it is down, existing links between other processes continue.
 */
export class RegisterRuntime implements RoleRuntime {
  readonly #options: ResolvedRegisterOptions;
  readonly #logger: Logger;
  readonly #guard: Guard;
  readonly #server: FrameServer;
  readonly #descriptors: DescriptorReserve;
  /** Sends a message to one link. An exception ends that link only. */
  readonly #send: (link: FrameConnection, message: Message) => void;
  readonly #addressBook = new AddressBook<FrameConnection>();
  /** Links of workers and Gateway API clients. */
  readonly #subscribers = new Set<FrameConnection>();
  /** Random ids of the linked workers. */
  readonly #workers = new Map<FrameConnection, string>();
  /** Addresses that two gateways have announced, and for which this is logged. */
  readonly #conflicts = new Set<string>();
  #startedAt = 0;
  /** Set during the initial sync: gateways may still reconnect, so the list may be incomplete. */
  #syncTimer: NodeJS.Timeout | undefined;
  /** True once a gateway has announced itself that was linked to an earlier register process. */
  #isRestarted = false;
  #port = 0;
  #isReady = false;
  #received = 0;
  #sent = 0;

  constructor(
    options: ResolvedRegisterOptions,
    context: {
      readonly id: number;
      readonly logger: Logger;
      readonly guard?: Guard | undefined;
      /** Reserve of file descriptors of the process. @default a new reserve */
      readonly descriptors?: DescriptorReserve;
    },
  ) {
    const { logger, guard = new Guard(logger) } = context;
    const { descriptors = new DescriptorReserve(logger) } = context;
    this.#descriptors = descriptors;
    this.#options = options;
    this.#logger = logger;
    this.#guard = guard;
    this.#send = guard.wrap(
      'register list',
      (link: FrameConnection, message: Message) => link.send(message),
      (error, link) => link.fail(error),
    );
    this.#server = new FrameServer({
      identity: {
        role: AcceptorRole.Register,
        instanceId: randomUUID(),
        name: options.name,
        id: context.id,
        gatewayToken: 0,
      },
      secretKey: options.secretKey,
      tls: options.innerTls,
      allowedRoles: Object.values(DialerRole),
      scheduler: new FlushScheduler(guard),
      ...{ logger, descriptors },
      onLink: (connection, hello) => this.#handleLink(connection, hello),
    });
  }

  /** The port that it listens on, once started. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const address = parseHostPort('Register.listen', this.#options.listen);
    this.#port = await this.#server.listen(address, `Register "${this.#options.name}"`);
    this.#startedAt = performance.now();
    this.#isReady = true;
  }

  async stop(): Promise<void> {
    this.#isReady = false;
    clearTimeout(this.#syncTimer);
    await this.#server.close();
    this.#guard.close();
    this.#descriptors.close();
  }

  status(): RoleStatus {
    const { host } = parseHostPort('Register.listen', this.#options.listen);
    return {
      ...emptyRoleStatus,
      listen: formatHostPort(host, this.#port),
      ready: this.#isReady,
      notReadyReasons: this.#descriptors.isUsed
        ? ['too many open files: new links are refused']
        : [],
      connections: this.#server.connectionCount,
      received: this.#received,
      sent: this.#sent,
      limits: {
        descriptors: this.#server.refusedForDescriptors,
        internalError: this.#guard.caught,
      },
    };
  }

  #handleLink(connection: FrameConnection, hello: Message<'hello'>): void {
    const isGateway = hello.role === DialerRole.Gateway;
    const bound = { peer: connection.remoteAddress, peerName: `${hello.name}#${hello.id}` };
    connection.onFrame = (command, buffer, start, end) => {
      this.#received += 1;
      const message = readMessage(command, buffer, start, end);
      if (isGateway && message?.type === 'gatewayAnnouncement') {
        this.#handleAnnouncement(connection, message);
      }
    };
    connection.onClose = (reason) => {
      if (reason !== undefined) {
        this.#logger.warn({ ...bound, reason: reason.message }, 'inner link closed');
      }
      this.#subscribers.delete(connection);
      if (this.#addressBook.withdraw(connection)) this.#publish();
      if (this.#workers.delete(connection)) this.#publishWorkers();
    };
    if (isGateway) return;
    this.#subscribers.add(connection);
    // A subscriber served before the first gateway would mistake an empty list for the complete one.
    if (this.#addressBook.size === 0) this.#startSync();
    if (this.#syncTimer === undefined) this.#sendList(connection);
    if (hello.role !== DialerRole.Worker) return;
    this.#workers.set(connection, hello.instanceId);
    this.#publishWorkers();
  }

  #handleAnnouncement(
    connection: FrameConnection,
    { gateway, isAgain }: Message<'gatewayAnnouncement'>,
  ): void {
    parseHostPort('gatewayAnnouncement.address', gateway.address);
    this.#isRestarted ||= isAgain;
    if (this.#isRestarted) this.#startSync();
    else this.#endSync();
    const conflict = this.#addressBook.announce(connection, gateway);
    if (conflict !== undefined) this.#warnAboutConflict(connection, gateway, conflict);
    this.#logger.info({ address: gateway.address, gateway: gateway.name }, 'gateway announced');
    this.#publish();
    this.#sendWorkers(connection);
  }

  /** Logs one line per address, even if its gateways announce it again and again. */
  #warnAboutConflict(
    { remoteAddress: peer }: FrameConnection,
    { address, name: gateway }: GatewayEntry,
    conflict: Announced<FrameConnection>,
  ): void {
    if (this.#conflicts.has(address)) return;
    if (this.#conflicts.size >= MAX_CONFLICTS) this.#conflicts.clear();
    this.#conflicts.add(address);
    const other = { gateway: conflict.gateway.name, peer: conflict.link.remoteAddress };
    this.#logger.warn(
      { address, gateway, peer, other },
      'two gateways announce the same address, and workers dial only the newer: give each a lanIp and a port of its own',
    );
  }

  /**
   * Delays the list of gateways, because this register may be a restarted one: until all gateways have had time to
   * reconnect, or the first one to come is new. A worker that starts in this time would otherwise treat a partial list
   * as complete, and its sends would miss clients of the other gateways.
   */
  #startSync(): void {
    const restMs = this.#startedAt + SYNC_MS - performance.now();
    if (this.#syncTimer !== undefined || restMs <= 0) return;
    this.#syncTimer = setTimeout(() => {
      this.#endSync();
      this.#publish();
    }, restMs);
  }

  #endSync(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
  }

  #publish(): void {
    if (this.#syncTimer !== undefined) return;
    for (const subscriber of this.#subscribers) this.#sendList(subscriber);
  }

  #publishWorkers(): void {
    for (const gateway of this.#addressBook.links) this.#sendWorkers(gateway);
  }

  #sendWorkers(gateway: FrameConnection): void {
    this.#sent += 1;
    const instanceIds = [...new Set(this.#workers.values())];
    this.#send(gateway, { type: 'workerList', instanceIds });
  }

  #sendList(subscriber: FrameConnection): void {
    this.#sent += 1;
    this.#send(subscriber, { type: 'gatewayList', gateways: this.#addressBook.list() });
  }
}
