import type {
  DialerIdentity,
  FlushScheduler,
  InnerTlsOptions,
  Logger,
  SecretKey,
} from '@gatewayworker/core';
import type { GatewayEntry } from '@gatewayworker/protocol';
import type { DiscoveryAddress } from './discovery-address.ts';

/** Options of a discovery. */
export interface DiscoveryOptions {
  readonly identity: DialerIdentity;
  readonly secretKey: SecretKey;
  readonly innerTls?: InnerTlsOptions | undefined;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
}

/** Takes the reports about workers that an announced gateway gets. A source is a register or the etcd. */
export interface AnnouncementHandler {
  /** Called with the random ids of the workers that a source reports as alive. */
  onWorkers(source: string, instanceIds: readonly string[]): void;
  /** Called when a source is disconnected, so that its last report may be out of date. */
  onSourceLost(source: string): void;
}

/** A gateway that other processes can find. */
export interface Announcement {
  /**
   * Resolves once a register or the etcd knows the gateway and has reported the workers, or once a first attempt has
   * failed. Further attempts follow.
   */
  readonly settled: Promise<void>;
  /** True after the first successful announcement, also when the connection breaks later. */
  readonly isAnnounced: boolean;
  /** Why registers are not linked, one clause each with its address; empty for an etcd. */
  readonly failures: readonly string[];
  /** True while a register or the etcd that knows the gateway is connected. */
  readonly isConnected: boolean;
  /** Withdraws the gateway. */
  close(): Promise<void>;
}

/** The gateways that are alive according to the registers or the etcd. */
export interface Directory {
  /** True once a register or the etcd has sent a list of gateways. */
  readonly hasSnapshot: boolean;
  /** Why registers are not linked, one clause each with its address; empty for an etcd. */
  readonly failures: readonly string[];
  /**
   * True after the initial sync: each register has sent its list or could not be reached, or the first list arrived a
   * second ago. An etcd has sent its list.
   */
  readonly isSynced: boolean;
  /** Why no register or etcd was reached, once an attempt has failed; permanent failures are preferred. */
  readonly failure: Error | undefined;
  /** True when every register has refused the key at the last attempt, so that retries are useless. */
  readonly isKeyRefused: boolean;
  /** True while a register or the etcd is connected, so that the list is up to date. */
  readonly isFresh: boolean;
  /**
   * Returns whether a connected register or the etcd reports that this process listens at the address. Lists of
   * disconnected registers do not count.
   */
  isAlive(address: string, instanceId: string): boolean;
  /** Stops following changes. */
  close(): Promise<void>;
}

const unavailable: Readonly<Record<DiscoveryAddress['kind'], string>> = {
  registers: 'no register is linked',
  etcd: 'the etcd does not answer',
};

/**
 * Returns a text such as `no register is linked` or `the etcd does not answer`.
 *
 * @param failures - the reasons, added after a colon
 */
export function describeUnavailable(
  address: DiscoveryAddress,
  failures: readonly string[] = [],
): string {
  const text = unavailable[address.kind];
  return failures.length === 0 ? text : `${text}: ${failures.join(', ')}`;
}

/** The gateways that are alive, by address. */
export type GatewayMap = ReadonlyMap<string, GatewayEntry>;

/** How the processes of a cluster find each other. */
export interface Discovery {
  /** Announces a gateway until the announcement is closed or the process dies. */
  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement;
  /**
   * Follows which gateways are alive. If this process is a worker, it is also announced to these gateways.
   *
   * @param onChange - called after each change, and when a register or the etcd is disconnected
   */
  follow(onChange: (gateways: GatewayMap) => void): Directory;
}
