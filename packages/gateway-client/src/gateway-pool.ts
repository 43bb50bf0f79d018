import {
  type AcceptorInfo,
  DialedLink,
  type DialerIdentity,
  describeDialFailure,
  type FlushScheduler,
  type FrameConnection,
  fromWire,
  GatewayWorkerError,
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
import {
  AcceptorRole,
  ByteReader,
  Command,
  type GatewayEntry,
  readMessage,
} from '@gatewayworker/protocol';
import { GatewayLink } from './gateway-link.ts';
import { InterestIndex } from './interest-index.ts';

/** Takes frames of a gateway that are no answers to queries; the body is valid during the call. */
export type GatewayFrameHandler = (
  link: GatewayLink,
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

/** What the pool needs. */
export interface GatewayPoolOptions {
  /** How gateways are found. */
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
  /** `isPeerBack` is true when the same gateway process is linked anew at once. */
  readonly onLinkDown?: (link: GatewayLink, isPeerBack: boolean) => void;
  /** What the registers tell has changed. */
  readonly onDirectory?: () => void;
}

/** A gateway that is dialed. */
interface DialedGateway {
  readonly link: DialedLink;
  /** Set while the link is up. */
  up: GatewayLink | undefined;
  /** True once an attempt to link has succeeded or failed, the first or since the link went down. */
  hasTried: boolean;
  /** True since nobody listened there when it was dialed last. */
  isRefused: boolean;
  /** Instance id of the process that has taken leave or was killed there, until one is linked again. */
  left: string | undefined;
  /** Why the last attempt failed, until one is linked again. */
  failure: string | undefined;
}

/** One link to every gateway that is alive; new gateways are dialed as the registers tell of them. */
export class GatewayPool {
  readonly queryTimeoutMs: number;
  readonly sendToGatewayBufferSize: number;
  /** Which gateways have members of which uids and groups; kept while there are several gateways. */
  readonly interest: InterestIndex = new InterestIndex();
  /** Commands handed to links that were up. */
  handedCommands = 0;
  /** Commands refused because a link was closing or full. */
  refusedCommands = 0;
  readonly #options: GatewayPoolOptions;
  readonly #directory: Directory;
  readonly #dialed = new Map<string, DialedGateway>();
  readonly #byToken = new Map<number, GatewayLink>();
  readonly #reader = new ByteReader();
  #known: ReadonlyMap<string, GatewayEntry> = new Map();
  #links: readonly GatewayLink[] = [];
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(options: GatewayPoolOptions) {
    this.#options = options;
    this.queryTimeoutMs = options.queryTimeoutMs;
    this.sendToGatewayBufferSize = options.sendToGatewayBufferSize;
    const discovery = createDiscovery(options.address, options);
    this.#directory = discovery.follow((gateways) => this.#handleDirectory(gateways));
  }

  /** The links that are up. */
  get links(): readonly GatewayLink[] {
    return this.#links;
  }

  /** Addresses of the gateways that are alive but not linked. */
  get unlinkedAddresses(): string[] {
    return [...this.#known.keys()].filter(
      (address) => this.linkAt(address) === undefined && !this.#hasLeft(address),
    );
  }

  /** What keeps it from reaching every gateway, in plain words; empty when nothing does. */
  get notReadyReasons(): string[] {
    const notReadyReasons: string[] = [];
    if (!this.#directory.hasSnapshot) {
      notReadyReasons.push(describeUnavailable(this.#options.address, this.#directory.failures));
    }
    const unlinked = this.unlinkedAddresses;
    const { size } = this.#known;
    if (unlinked.length > 0) {
      const failures = unlinked.map((address) => this.#dialed.get(address)?.failure);
      const why = failures.filter((failure) => failure !== undefined).join(', ');
      const obstacle = `it is not linked to ${unlinked.length} of ${size} gateways`;
      notReadyReasons.push(why === '' ? obstacle : `${obstacle}: ${why}`);
    }
    return notReadyReasons;
  }

  /** Faults in spite of which it serves with what it knows, in plain words. */
  get warnings(): string[] {
    const { hasSnapshot, isFresh } = this.#directory;
    return hasSnapshot && !isFresh ? [describeUnavailable(this.#options.address)] : [];
  }

  /** True once a register has told which gateways are alive. */
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
      (address) => this.#known.get(address)?.gatewayToken === gatewayToken,
    );
  }

  /** The link to the gateway at this address. */
  linkAt(address: string): GatewayLink | undefined {
    return this.#dialed.get(address)?.up;
  }

  /**
   * True while the gateway at this address is linked, or a register tells that it lives.
   *
   * @param gatewayToken - of the one process that is meant; any process there by default
   */
  isThere(address: string, gatewayToken?: number): boolean {
    const known = this.#hasLeft(address) ? undefined : this.#known.get(address);
    const there = this.linkAt(address) ?? known;
    return there !== undefined && (gatewayToken ?? there.gatewayToken) === there.gatewayToken;
  }

  /**
   * Resolves when it is known whether a gateway can be linked that is dialed for the first time, or anew
   * after its link went down; at once when it was linked or tried in vain, or is gone.
   *
   * @param timeoutMs - time after which it resolves in any case, in milliseconds
   */
  async attempted(address: string, timeoutMs: number): Promise<void> {
    if (!this.#isBeingTried(address)) return;
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake();
    }, timeoutMs);
    while (!isOver && this.#isBeingTried(address)) await this.#changed();
    clearTimeout(timer);
  }

  /** The link to the gateway with this token. */
  linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.#byToken.get(gatewayToken);
  }

  /** True when a register tells that this gateway process, whose link is down, lives. */
  isAlive({ address, instanceId }: GatewayLink): boolean {
    return this.#directory.isAlive(address, instanceId);
  }

  /** Resolves once the registers have answered, those that can, and every gateway they named is linked, or was tried in vain. */
  async settled(): Promise<void> {
    while (!this.#isClosed && !this.#isSettled()) await this.#changed();
  }

  /** Resolves once every register has refused the key. */
  async refused(): Promise<void> {
    while (!this.#isClosed && !this.#directory.isRefused) await this.#changed();
  }

  /** Sends what is queued, closes every link and dials no more. Resolves when that is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    const links = Array.from(this.#dialed.values(), ({ link }) => link.close());
    await Promise.all([this.#directory.close(), ...links]);
  }

  #isBeingTried(address: string): boolean {
    const gateway = this.#dialed.get(address);
    const isTried = gateway === undefined || gateway.up !== undefined || gateway.hasTried;
    return !this.#isClosed && !isTried && this.#known.has(address);
  }

  /** True when the gateway took leave or was killed, and answers no more, though it is not off every list yet. */
  #hasLeft(address: string): boolean {
    const { left, hasTried = false } = this.#dialed.get(address) ?? {};
    return hasTried && left !== undefined && left === this.#known.get(address)?.instanceId;
  }

  /** Resolves when a gateway has come, gone, or was tried. */
  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #isSettled(): boolean {
    if (!this.#directory.hasSnapshot || !this.#directory.isSynced) return false;
    return [...this.#known.keys()].every((address) => this.#dialed.get(address)?.hasTried);
  }

  #handleDirectory(gateways: ReadonlyMap<string, GatewayEntry>): void {
    if (this.#isClosed) return;
    this.#known = gateways;
    for (const address of gateways.keys()) {
      if (!this.#dialed.has(address)) this.#dial(address);
    }
    // A link that is up proves that its gateway lives, whatever a register says.
    for (const [address, gateway] of this.#dialed) {
      if (!gateways.has(address) && gateway.up === undefined) this.#forget(address, gateway);
    }
    for (const gateway of this.#dialed.values()) this.#expireIfGone(gateway);
    this.#options.onDirectory?.();
    this.#wake();
  }

  /** Waits no longer for a gateway that was killed: its link would come back, were it the network that broke it. */
  #expireIfGone(gateway: DialedGateway): void {
    if (gateway.up !== undefined && this.#isGone(gateway, gateway.up)) gateway.link.expire();
  }

  /** True when nobody listens where the gateway was, and no register that tells now names it. */
  #isGone({ isRefused }: DialedGateway, link: GatewayLink): boolean {
    return isRefused && this.#directory.isFresh && !this.isAlive(link);
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
      link,
      up: undefined,
      hasTried: false,
      isRefused: false,
      left: undefined,
      failure: undefined,
    });
  }

  #handleUp(address: string, connection: FrameConnection, acceptor: AcceptorInfo): void {
    const gateway = this.#dialed.get(address);
    if (gateway === undefined) return;
    const { challenge, welcome } = acceptor;
    const { instanceId } = challenge;
    const { gatewayToken, name } = welcome;
    const link = new GatewayLink(connection, { address, instanceId, gatewayToken, name });
    gateway.up = link;
    gateway.isRefused = false;
    gateway.left = undefined;
    gateway.failure = undefined;
    this.#byToken.set(gatewayToken, link);
    this.#links = [...this.#links, link];
    connection.onFrame = (command, buffer, start, end) => {
      if (command >= Command.QueryAnswer && command <= Command.QueryPart) {
        handleAnswer(link, command, buffer, start, end);
      } else if (command >= Command.InterestAdded && command <= Command.JoinsApplied) {
        this.interest.handleFrame(link, command, this.#reader.reset(buffer, start, end));
      } else {
        this.#options.onFrame?.(link, command, buffer, start, end);
      }
    };
    connection.onResumed = () => {
      gateway.isRefused = false;
    };
    // A single gateway gets everything anyway.
    if (this.#links.length > 1) for (const one of this.#links) this.interest.follow(one);
    this.#options.onLinkUp?.(link);
    this.#handleTried(address);
  }

  #handleDown(
    address: string,
    reason: Error | undefined,
    successor: AcceptorInfo | undefined,
  ): void {
    const gateway = this.#dialed.get(address);
    const link = gateway?.up;
    if (gateway === undefined || link === undefined) return;
    gateway.up = undefined;
    gateway.hasTried = false;
    const hasEnded = reason === undefined || this.#isGone(gateway, link);
    gateway.left = hasEnded ? link.instanceId : undefined;
    this.#links = this.#links.filter((other) => other !== link);
    if (this.#byToken.get(link.gatewayToken) === link) this.#byToken.delete(link.gatewayToken);
    this.interest.unfollow(link);
    link.handleClosed(reason);
    // One that has just answered there lives, though no register may have told of it yet.
    if (!this.#known.has(address) && successor === undefined) this.#forget(address, gateway);
    this.#options.onLinkDown?.(link, successor?.challenge.instanceId === link.instanceId);
  }

  #handleFailed(address: string, error: Error): void {
    const gateway = this.#dialed.get(address);
    if (gateway !== undefined) {
      gateway.failure = describeDialFailure('gateway', address, error);
      const { cause } = error;
      gateway.isRefused =
        cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
      this.#expireIfGone(gateway);
    }
    this.#handleTried(address);
  }

  #handleTried(address: string): void {
    const gateway = this.#dialed.get(address);
    if (gateway !== undefined) gateway.hasTried = true;
    this.#wake();
  }

  #forget(address: string, gateway: DialedGateway): void {
    this.#dialed.delete(address);
    // It is not up: there is nothing to wait for.
    void gateway.link.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function handleAnswer(
  link: GatewayLink,
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  const message = readMessage(command, buffer, start, end);
  if (message?.type === 'queryAnswer') {
    link.requests.resolve(message.requestId, message.answer);
  } else if (message?.type === 'queryPart') {
    link.requests.addPart(message.requestId, message.part);
  } else if (message?.type === 'queryFailure') {
    link.requests.reject(message.requestId, fromWire(message));
  } else {
    throw new GatewayWorkerError('GW_ERR_FRAME_MALFORMED', 'an answer of no known form');
  }
}
