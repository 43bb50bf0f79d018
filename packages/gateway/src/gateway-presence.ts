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

/** Which gateway process is announced, and who follows the answers. */
export interface GatewayPresenceContext {
  readonly id: number;
  readonly instanceId: string;
  readonly gatewayToken: number;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  readonly liveness: WorkerLivenessTable;
  /** Called when the liveness has changed. */
  readonly onWorkers: () => void;
}

/** Makes a gateway known to the registers, or to an etcd, which tell it of the workers. */
export class GatewayPresence {
  readonly #options: ResolvedGatewayOptions;
  readonly #context: GatewayPresenceContext;
  #announcement: Announcement | undefined;

  constructor(options: ResolvedGatewayOptions, context: GatewayPresenceContext) {
    this.#options = options;
    this.#context = context;
  }

  /** What keeps others from finding it, in plain words; empty when nothing does. */
  get notReadyReasons(): string[] {
    const { isAnnounced = false, failures } = this.#announcement ?? {};
    return isAnnounced ? [] : [describeUnavailable(this.#address, failures)];
  }

  /** Problems that do not affect processes which have found it, in plain words. */
  get warnings(): string[] {
    const { isAnnounced = false, isConnected = false } = this.#announcement ?? {};
    return isAnnounced && !isConnected ? [describeUnavailable(this.#address)] : [];
  }

  /**
   * Resolves when a register or an etcd knows it, or a first attempt has failed.
   *
   * @param innerPort - port on which it listens for inner links
   */
  async announce(innerPort: number): Promise<void> {
    const { name, lanIp, startPort } = this.#options;
    const { id, instanceId, gatewayToken, scheduler, logger, liveness, onWorkers } = this.#context;
    // A port that was taken is the one to dial; one that was given may be mapped to another.
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

  /** Removes it from the registers, or from the etcd. */
  async withdraw(): Promise<void> {
    await this.#announcement?.close();
  }

  get #address(): DiscoveryAddress {
    return parseDiscoveryAddress('Gateway.registerAddress', this.#options.registerAddress);
  }
}
