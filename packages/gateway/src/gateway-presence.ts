import {
  canonicalAddress,
  type FlushScheduler,
  formatHostPort,
  type Logger,
} from '@gatewayworker/core';
import {
  type Announcement,
  createDiscovery,
  type DiscoveryAddress,
  describeUnavailable,
  parseDiscoveryAddress,
} from '@gatewayworker/discovery';
import { DialerRole } from '@gatewayworker/protocol';
import { innerListenAddress, type ResolvedGatewayOptions } from './options.ts';
import type { WorkerLivenessTable } from './workers/worker-liveness-table.ts';

/** Identity of the announced gateway process, and dependencies. */
export interface GatewayPresenceContext {
  readonly id: number;
  readonly instanceId: string;
  readonly gatewayToken: number;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  readonly liveness: WorkerLivenessTable;
  /** Called after `liveness` has changed. */
  readonly onWorkers: () => void;
}

/** Announces a gateway to registers or etcd, and receives their lists of workers. */
export class GatewayPresence {
  readonly #options: ResolvedGatewayOptions;
  readonly #context: GatewayPresenceContext;
  #announcement: Announcement | undefined;

  constructor(options: ResolvedGatewayOptions, context: GatewayPresenceContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Why other processes cannot discover the gateway; empty when they can. */
  get notReadyReasons(): string[] {
    const { isAnnounced = false, failures } = this.#announcement ?? {};
    return isAnnounced ? [] : [describeUnavailable(this.#address, failures)];
  }

  /** Discovery problems that do not affect processes which have discovered the gateway. */
  get warnings(): string[] {
    const { isAnnounced = false, isConnected = false } = this.#announcement ?? {};
    return isAnnounced && !isConnected ? [describeUnavailable(this.#address)] : [];
  }

  /**
   * Announces the gateway. Resolves after the first success, or when the first attempt has failed.
   *
   * @param innerPort - port of the listener for inner links
   */
  async announce(innerPort: number): Promise<void> {
    const { name, lanIp, startPort } = this.#options;
    const { id, instanceId, gatewayToken, scheduler, logger, liveness, onWorkers } = this.#context;
    // Workers dial a free port as it is. A configured `innerListen` port may be mapped to `startPort`.
    const isFree = startPort === 0 || innerListenAddress(this.#options).port === 0;
    const port = isFree ? innerPort : startPort + id;
    const identity = { role: DialerRole.Gateway, instanceId, name, id };
    const options = { ...this.#options, identity, scheduler, logger };
    // Registers compare addresses by their text.
    const address = formatHostPort(canonicalAddress(lanIp) ?? lanIp, port);
    this.#announcement = createDiscovery(this.#address, options).announce(
      { address, instanceId, gatewayToken, name },
      {
        onWorkers: (source, instanceIds) => {
          liveness.update(source, instanceIds);
          onWorkers();
        },
        onSourceLost: (source) => liveness.forget(source),
      },
    );
    await this.#announcement.settled;
  }

  /** Removes the gateway from registers or etcd. */
  async withdraw(): Promise<void> {
    await this.#announcement?.close();
  }

  get #address(): DiscoveryAddress {
    return parseDiscoveryAddress('Gateway.registerAddress', this.#options.registerAddress);
  }
}
