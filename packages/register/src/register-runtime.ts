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
  type GatewayAnnouncement,
  type GatewayEntry,
  type Hello,
  type Message,
  readMessage,
} from '@gatewayworker/protocol';
import { AddressBook, type Announced } from './address-book.ts';
import type { ResolvedRegisterOptions } from './options.ts';

/**
 * Time in which every gateway finds a register that was started anew, in milliseconds: links are dialed
 * again after a second at most.
 */
const SETTLE_MS = 1500;

/** Addresses that are remembered as disputed. */
const MAX_DISPUTED = 1024;

/**
 * Tells workers and clients which gateways are alive, and gateways which workers are. A process is
 * alive while its link is.
 *
 * Nothing but addresses passes through it: while it is down, everything that is linked goes on.
 */
export class RegisterRuntime implements RoleRuntime {
  readonly #options: ResolvedRegisterOptions;
  readonly #logger: Logger;
  readonly #guard: Guard;
  readonly #server: FrameServer;
  readonly #descriptors: DescriptorReserve;
  /** Sends to one of many links; an exception ends that link only. */
  readonly #send: (link: FrameConnection, message: Message) => void;
  readonly #addressBook = new AddressBook<FrameConnection>();
  /** Links of workers and clients. */
  readonly #subscribers = new Set<FrameConnection>();
  /** Random ids of the workers that are linked. */
  readonly #workers = new Map<FrameConnection, string>();
  /** Addresses that two gateways have announced. */
  readonly #disputed = new Set<string>();
  #startedAt = 0;
  /** Set while the list may not be complete, because gateways of before may come one after another. */
  #settling: NodeJS.Timeout | undefined;
  /** True once a gateway came that had known a register here before. */
  #isSuccessor = false;
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
      /** File descriptors that the process keeps back. @default a reserve of the register's own */
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

  /** The port it listens on, once started. */
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
    clearTimeout(this.#settling);
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

  #handleLink(connection: FrameConnection, hello: Hello): void {
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
    // Whoever asks before any gateway has come would take nobody for all.
    if (this.#addressBook.size === 0) this.#settle();
    if (this.#settling === undefined) this.#sendList(connection);
    if (hello.role !== DialerRole.Worker) return;
    this.#workers.set(connection, hello.instanceId);
    this.#publishWorkers();
  }

  #handleAnnouncement(
    connection: FrameConnection,
    { gateway, isAgain }: GatewayAnnouncement,
  ): void {
    parseHostPort('gatewayAnnouncement.address', gateway.address);
    this.#isSuccessor ||= isAgain;
    if (this.#isSuccessor) this.#settle();
    else this.#endSettling();
    const rival = this.#addressBook.announce(connection, gateway);
    if (rival !== undefined) this.#warnOfRival(connection, gateway, rival);
    this.#logger.info({ address: gateway.address, gateway: gateway.name }, 'gateway announced');
    this.#publish();
    this.#sendWorkers(connection);
  }

  /** One line for an address, however often its gateways take it from each other. */
  #warnOfRival(
    { remoteAddress: peer }: FrameConnection,
    { address, name: gateway }: GatewayEntry,
    rival: Announced<FrameConnection>,
  ): void {
    if (this.#disputed.has(address)) return;
    if (this.#disputed.size >= MAX_DISPUTED) this.#disputed.clear();
    this.#disputed.add(address);
    const other = { gateway: rival.gateway.name, peer: rival.link.remoteAddress };
    this.#logger.warn(
      { address, gateway, peer, other },
      'two gateways announce the same address, and workers dial only the newer: give each a lanIp and a port of its own',
    );
  }

  /**
   * This register may follow one that was known: it tells its list once all gateways can have come, or when
   * the first of them is a new one. A worker that starts meanwhile would take a part of them for all, and miss
   * members of groups at the others.
   */
  #settle(): void {
    const restMs = this.#startedAt + SETTLE_MS - performance.now();
    if (this.#settling !== undefined || restMs <= 0) return;
    this.#settling = setTimeout(() => {
      this.#endSettling();
      this.#publish();
    }, restMs);
  }

  #endSettling(): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
  }

  #publish(): void {
    if (this.#settling !== undefined) return;
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
