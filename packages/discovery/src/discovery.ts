import type {
  DialerIdentity,
  FlushScheduler,
  InnerTlsOptions,
  Logger,
  SecretKey,
} from '@gatewayworker/core';
import type { GatewayEntry } from '@gatewayworker/protocol';
import type { DiscoveryAddress } from './discovery-address.ts';

/** Who discovers, and by what means. */
export interface DiscoveryOptions {
  readonly identity: DialerIdentity;
  readonly secretKey: SecretKey;
  readonly innerTls?: InnerTlsOptions | undefined;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
}

/** What a gateway is told of workers. */
export interface AnnouncementHandler {
  /** The random ids of the workers that a source knows to be alive. */
  onWorkers(source: string, instanceIds: readonly string[]): void;
  /** A source tells no more: what it told last may be out of date. */
  onSourceLost(source: string): void;
}

/** A gateway that others can find. */
export interface Announcement {
  /** Resolves once somebody knows of it and has told of the workers, or a first attempt has failed; attempts go on. */
  readonly settled: Promise<void>;
  /** True once somebody has known of it. */
  readonly isKnown: boolean;
  /** Why registers are not linked, one clause each with its address; empty for an etcd. */
  readonly failures: readonly string[];
  /** True while somebody knows of it by a link that is up. */
  readonly isCurrent: boolean;
  /** Nobody is to find it any more. */
  close(): Promise<void>;
}

/** The gateways that are alive, as far as is known. */
export interface Directory {
  /** True once somebody has told which gateways are alive. */
  readonly isKnown: boolean;
  /** Why registers are not linked, one clause each with its address; empty for an etcd. */
  readonly failures: readonly string[];
  /** True once everybody has told, or was asked in vain: until then more gateways may be told of at any moment. */
  readonly isComplete: boolean;
  /** Why no register or etcd was reached, once an attempt has failed; a failure that no retry mends comes first. */
  readonly failure: Error | undefined;
  /** True when every register has refused the key at its last attempt: none is left that could accept it. */
  readonly isRefused: boolean;
  /** True while somebody tells: what is known is not of the past. */
  readonly isCurrent: boolean;
  /**
   * True when somebody who would tell of its end now tells that this process listens at the address. What
   * those said who are away does not count.
   */
  isAlive(address: string, instanceId: string): boolean;
  /** Asks no more. */
  close(): Promise<void>;
}

/**
 * Says in plain words that no register and no etcd tells which gateways are alive.
 *
 * @param failures - why, behind a colon
 */
export function describeUnavailable(
  address: DiscoveryAddress,
  failures: readonly string[] = [],
): string {
  const away = address.kind === 'registers' ? 'no register is linked' : 'the etcd does not answer';
  return failures.length === 0 ? away : `${away}: ${failures.join(', ')}`;
}

/** The gateways that are alive, by address. */
export type GatewayMap = ReadonlyMap<string, GatewayEntry>;

/** How the processes of a cluster find each other. */
export interface Discovery {
  /** Makes a gateway known until it is closed or dies. */
  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement;
  /**
   * Follows which gateways are alive; a worker makes itself known at the same time.
   *
   * @param onChange - called after each change, and when somebody tells no more
   */
  follow(onChange: (gateways: GatewayMap) => void): Directory;
}
