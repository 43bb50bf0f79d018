import {
  type AcceptorInfo,
  DialedLink,
  type DialerIdentity,
  describeDialFailure,
  type FlushScheduler,
  type FrameConnection,
  type InnerTlsOptions,
  type Logger,
  parseHostPort,
  type SecretKey,
} from '@gatewayworker/core';
import {
  createDiscovery,
  type Directory,
  type DiscoveryAddress,
  describeUnavailable,
} from '@gatewayworker/discovery';
import { AcceptorRole, ByteReader, Command, type GatewayEntry } from '@gatewayworker/protocol';
import { AliasTable } from './alias-table.ts';
import { GatewayLink } from './gateway-link.ts';
import { InterestIndex } from './interest-index.ts';
import { Lane } from './lane.ts';
import type { LaneHandover } from './lane-handover.ts';
import { LaneLinks } from './lane-links.ts';
import { ReceiptTable } from './receipt-table.ts';

/** Called with each frame of a gateway that is not an answer to a query. The body is valid during the call only. */
export type GatewayFrameHandler = (
  link: GatewayLink,
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

/** Options of a pool. */
export interface GatewayPoolOptions {
  /** Where gateways are discovered. */
  readonly address: DiscoveryAddress;
  readonly identity: DialerIdentity;
  readonly secretKey: SecretKey;
  readonly innerTls?: InnerTlsOptions | undefined;
  readonly queryTimeoutMs: number;
  readonly sendToGatewayBufferSize: number;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  readonly onFrame?: GatewayFrameHandler;
  readonly onLinkUp?: (link: GatewayLink) => void;
  /** `isPeerBack` is true when a new link to the same gateway process follows at once. */
  readonly onLinkDown?: (link: GatewayLink, isPeerBack: boolean) => void;
  /** Called after each change of the list of gateways. */
  readonly onDirectoryChange?: () => void;
}

/** A gateway that is dialed or linked. */
interface DialedGateway {
  readonly link: DialedLink;
  /** Set while the link is up. */
  up: GatewayLink | undefined;
  /** True once an attempt to link has succeeded or failed; reset when the link ends. */
  wasAttempted: boolean;
  /** True when the last attempt got ECONNREFUSED: no process listens at the address. */
  isPortClosed: boolean;
  /** Instance id of the process that has closed its link or died, until a process is linked again. */
  endedInstanceId: string | undefined;
  /** Why the last attempt failed, until a process is linked again. */
  failure: string | undefined;
}

/** Links to all live gateways. A gateway is dialed when discovery reports it. */
export class GatewayPool {
  readonly queryTimeoutMs: number;
  readonly sendToGatewayBufferSize: number;
  /** Which gateways have members of which uids and groups. In use while there are several gateways. */
  readonly interest: InterestIndex = new InterestIndex();
  /** The sends of this process, kept for clients that resume their session. */
  readonly lane: Lane = new Lane();
  /** Clients that have resumed at another gateway than the one in their client id. */
  readonly aliases: AliasTable = new AliasTable();
  /** The sends of this process that wait for receipts. */
  readonly receipts: ReceiptTable = new ReceiptTable();
  /** Number of commands queued for a link. */
  sentCommands = 0;
  /** Number of commands refused because a link was closing or full. */
  refusedCommands = 0;
  readonly #options: GatewayPoolOptions;
  readonly #directory: Directory;
  readonly #dialed = new Map<string, DialedGateway>();
  readonly #byToken = new Map<number, GatewayLink>();
  readonly #laneLinks: LaneLinks;
  readonly #reader = new ByteReader();
  #alive: ReadonlyMap<string, GatewayEntry> = new Map();
  #links: readonly GatewayLink[] = [];
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(options: GatewayPoolOptions) {
    this.#options = options;
    this.queryTimeoutMs = options.queryTimeoutMs;
    this.sendToGatewayBufferSize = options.sendToGatewayBufferSize;
    // The other half of the queue is for live sends, so that replays do not make a link refuse them.
    const maxReplayBytes = options.sendToGatewayBufferSize / 2;
    const { guard } = options.scheduler;
    this.#laneLinks = new LaneLinks(this.lane, this.aliases, maxReplayBytes, guard, this.receipts);
    const discovery = createDiscovery(options.address, options);
    this.#directory = discovery.follow((gateways) => this.#handleDirectory(gateways));
  }

  /** The links that are up. */
  get links(): readonly GatewayLink[] {
    return this.#links;
  }

  /** Addresses of the gateways that are alive but not linked. */
  get unlinkedAddresses(): string[] {
    return [...this.#alive.keys()].filter(
      (address) => this.linkAt(address) === undefined && !this.#hasEnded(address),
    );
  }

  /** Why this process cannot reach every gateway, one sentence each; empty when it can. */
  get notReadyReasons(): string[] {
    const notReadyReasons: string[] = [];
    if (!this.#directory.hasSnapshot) {
      notReadyReasons.push(describeUnavailable(this.#options.address, this.#directory.failures));
    }
    const unlinked = this.unlinkedAddresses;
    const { size } = this.#alive;
    if (unlinked.length > 0) {
      const failures = unlinked.map((address) => this.#dialed.get(address)?.failure);
      const why = failures.filter((failure) => failure !== undefined).join(', ');
      const reason = `it is not linked to ${unlinked.length} of ${size} gateways`;
      notReadyReasons.push(why === '' ? reason : `${reason}: ${why}`);
    }
    return notReadyReasons;
  }

  /** Faults that do not keep this process from serving, one sentence each. */
  get warnings(): string[] {
    const { hasSnapshot, isFresh } = this.#directory;
    return hasSnapshot && !isFresh ? [describeUnavailable(this.#options.address)] : [];
  }

  /** True once a register or the etcd has sent a list of gateways. */
  get hasSnapshot(): boolean {
    return this.#directory.hasSnapshot;
  }

  /** Why no register or etcd was reached, once an attempt has failed. */
  get failure(): Error | undefined {
    return this.#directory.failure;
  }

  /** Address of the gateway with this token, if it is alive but not linked. */
  unlinkedAddressOf(gatewayToken: number): string | undefined {
    return this.unlinkedAddresses.find(
      (address) => this.#alive.get(address)?.gatewayToken === gatewayToken,
    );
  }

  /** The link to the gateway at this address. */
  linkAt(address: string): GatewayLink | undefined {
    return this.#dialed.get(address)?.up;
  }

  /**
   * Returns whether a gateway at this address is linked, or is alive according to discovery.
   *
   * @param gatewayToken - token of the process; without it, any process at the address
   */
  hasGateway(address: string, gatewayToken?: number): boolean {
    const known = this.#hasEnded(address) ? undefined : this.#alive.get(address);
    const there = this.linkAt(address) ?? known;
    return there !== undefined && (gatewayToken ?? there.gatewayToken) === there.gatewayToken;
  }

  /**
   * Waits until the current attempt to link a gateway has succeeded or failed. Resolves at once when the gateway is
   * linked, has failed before, or is no longer alive.
   *
   * @param timeoutMs - longest wait, in milliseconds
   */
  async waitForAttempt(address: string, timeoutMs: number): Promise<void> {
    if (!this.#isDialing(address)) return;
    let isExpired = false;
    const timer = setTimeout(() => {
      isExpired = true;
      this.#notifyWaiting();
    }, timeoutMs);
    while (!isExpired && this.#isDialing(address)) await this.#nextChange();
    clearTimeout(timer);
  }

  /** The link to the gateway with this token. */
  linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.#byToken.get(gatewayToken);
  }

  /** Records that a full link has refused a numbered send. */
  recordRefused(link: GatewayLink, offset: number): void {
    this.#laneLinks.recordRefused(link, offset);
  }

  /** Returns whether a connected register or the etcd reports the process of this link as alive. */
  isAlive({ address, instanceId }: GatewayLink): boolean {
    return this.#directory.isAlive(address, instanceId);
  }

  /** Resolves after the initial sync, once each gateway in the list is linked or an attempt to link it has failed. */
  async settled(): Promise<void> {
    while (!this.#isClosed && !this.#isSettled()) await this.#nextChange();
  }

  /** Resolves once every register has refused the key. */
  async refused(): Promise<void> {
    while (!this.#isClosed && !this.#directory.isKeyRefused) await this.#nextChange();
  }

  /** Hands the kept sends over to another process, before `close`. Sends that follow reach connected clients only. */
  handOverLanes(): LaneHandover {
    return this.#laneLinks.handOver();
  }

  /** Stops dialing, sends the queued commands and closes every link. Resolves when that is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#notifyWaiting();
    this.#laneLinks.close();
    this.receipts.close();
    const links = Array.from(this.#dialed.values(), ({ link }) => link.close());
    await Promise.all([this.#directory.close(), ...links]);
  }

  #isDialing(address: string): boolean {
    const gateway = this.#dialed.get(address);
    const isAttempted = gateway === undefined || gateway.up !== undefined || gateway.wasAttempted;
    return !this.#isClosed && !isAttempted && this.#alive.has(address);
  }

  /** True when the gateway process has ended and no process answers there, although a list may still contain it. */
  #hasEnded(address: string): boolean {
    const { endedInstanceId, wasAttempted = false } = this.#dialed.get(address) ?? {};
    return (
      wasAttempted &&
      endedInstanceId !== undefined &&
      endedInstanceId === this.#alive.get(address)?.instanceId
    );
  }

  /** Resolves after the next change of the list or the next attempt to link a gateway. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #isSettled(): boolean {
    if (!this.#directory.hasSnapshot || !this.#directory.isSynced) return false;
    return [...this.#alive.keys()].every((address) => this.#dialed.get(address)?.wasAttempted);
  }

  #handleDirectory(gateways: ReadonlyMap<string, GatewayEntry>): void {
    if (this.#isClosed) return;
    const before = this.#alive;
    this.#alive = gateways;
    for (const [address, { instanceId }] of gateways) {
      const gateway = this.#dialed.get(address);
      if (gateway === undefined) this.#dial(address);
      // A failed attempt before this process was listed says nothing about it, so queries wait for the next one.
      else if (gateway.up === undefined && before.get(address)?.instanceId !== instanceId)
        gateway.wasAttempted = false;
    }
    // A link that is up proves that its gateway is alive, even if no register lists it.
    for (const [address, gateway] of this.#dialed) {
      if (!gateways.has(address) && gateway.up === undefined) this.#stopDialing(address, gateway);
    }
    for (const gateway of this.#dialed.values()) this.#expireIfGone(gateway);
    this.#options.onDirectoryChange?.();
    this.#notifyWaiting();
  }

  /** Ends the broken link of a gateway that has died, instead of waiting for a resume. */
  #expireIfGone(gateway: DialedGateway): void {
    if (gateway.up !== undefined && this.#isDead(gateway, gateway.up)) gateway.link.expire();
  }

  /** True when no process listens at the address of the gateway, and no connected register lists it. */
  #isDead({ isPortClosed }: DialedGateway, link: GatewayLink): boolean {
    return isPortClosed && this.#directory.isFresh && !this.isAlive(link);
  }

  #dial(address: string): void {
    const { identity, secretKey, innerTls, scheduler, logger } = this.#options;
    const link = new DialedLink({
      address: parseHostPort('address of a gateway', address),
      identity,
      acceptorRole: AcceptorRole.Gateway,
      secretKey,
      tls: innerTls,
      scheduler,
      logger,
      onUp: (connection, acceptor) => this.#handleUp(address, connection, acceptor),
      onDown: (...down) => this.#handleDown(address, ...down),
      onFailed: (error) => this.#handleFailed(address, error),
    });
    this.#dialed.set(address, {
      ...{ link, up: undefined, wasAttempted: false, isPortClosed: false },
      ...{ endedInstanceId: undefined, failure: undefined },
    });
  }

  #handleUp(address: string, connection: FrameConnection, acceptor: AcceptorInfo): void {
    const gateway = this.#dialed.get(address);
    if (gateway === undefined) return;
    const { instanceId } = acceptor.challenge;
    const { gatewayToken, name } = acceptor.welcome;
    const link = new GatewayLink(connection, { address, instanceId, gatewayToken, name });
    gateway.up = link;
    gateway.isPortClosed = false;
    gateway.endedInstanceId = undefined;
    gateway.failure = undefined;
    this.#byToken.set(gatewayToken, link);
    this.#links = [...this.#links, link];
    connection.onFrame = (command, buffer, start, end) => {
      if (command >= Command.QueryAnswer && command <= Command.QueryPart) {
        link.handleAnswer(command, buffer, start, end);
      } else if (command === Command.ReceiptReport) {
        this.receipts.handleFrame(link, command, buffer, start, end);
      } else if (command >= Command.InterestAdded && command <= Command.JoinsApplied) {
        this.interest.handleFrame(link, command, this.#reader.reset(buffer, start, end));
      } else if (command >= Command.LaneSubscribe && command <= Command.LaneTransferState) {
        this.#laneLinks.handleFrame(link, command, buffer, start, end);
      } else {
        this.#options.onFrame?.(link, command, buffer, start, end);
      }
    };
    connection.output.onDrain = () => this.#laneLinks.handleDrain(link);
    connection.onResumed = () => {
      gateway.isPortClosed = false;
    };
    // A single gateway receives every send, so interest is only needed for several gateways.
    if (this.#links.length > 1) for (const one of this.#links) this.interest.follow(one);
    this.#options.onLinkUp?.(link);
    this.#handleAttempted(address);
  }

  #handleDown(
    address: string,
    reason: Error | undefined,
    answeredBy: AcceptorInfo | undefined,
  ): void {
    const gateway = this.#dialed.get(address);
    const link = gateway?.up;
    if (gateway === undefined || link === undefined) return;
    gateway.up = undefined;
    gateway.wasAttempted = false;
    const hasEnded = reason === undefined || this.#isDead(gateway, link);
    gateway.endedInstanceId = hasEnded ? link.instanceId : undefined;
    this.#links = this.#links.filter((other) => other !== link);
    if (this.#byToken.get(link.gatewayToken) === link) this.#byToken.delete(link.gatewayToken);
    this.interest.unfollow(link);
    this.#laneLinks.removeLink(link);
    this.receipts.handleDown(link);
    link.handleClosed(reason);
    // A process that has just answered there is alive, even if no register lists it yet.
    if (!this.#alive.has(address) && answeredBy === undefined) this.#stopDialing(address, gateway);
    this.#options.onLinkDown?.(link, answeredBy?.challenge.instanceId === link.instanceId);
  }

  #handleFailed(address: string, error: Error): void {
    const gateway = this.#dialed.get(address);
    if (gateway !== undefined) {
      gateway.failure = describeDialFailure('gateway', address, error);
      const { cause } = error;
      gateway.isPortClosed =
        cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
      this.#expireIfGone(gateway);
    }
    this.#handleAttempted(address);
  }

  #handleAttempted(address: string): void {
    const gateway = this.#dialed.get(address);
    if (gateway !== undefined) gateway.wasAttempted = true;
    this.#notifyWaiting();
  }

  #stopDialing(address: string, gateway: DialedGateway): void {
    this.#dialed.delete(address);
    // The link is not up, so the close is not awaited.
    void gateway.link.close();
  }

  #notifyWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
