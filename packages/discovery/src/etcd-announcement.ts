import type { Logger } from '@gatewayworker/core';
import type { GatewayEntry } from '@gatewayworker/protocol';
import type { Announcement, AnnouncementHandler } from './discovery.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdLease } from './etcd-lease.ts';
import { EtcdView } from './etcd-view.ts';

/** Name of the etcd as a source of reports about workers. */
const SOURCE = 'etcd';

/** Announces a gateway by a key in an etcd, and watches the keys of the workers. */
export class EtcdAnnouncement implements Announcement {
  readonly failures: readonly string[] = [];
  readonly settled: Promise<void>;
  readonly #lease: EtcdLease;
  readonly #workers: EtcdView;

  constructor(
    address: EtcdAddress,
    gateway: GatewayEntry,
    handler: AnnouncementHandler,
    logger: Logger,
  ) {
    const key = `${address.prefix}/gateways/${gateway.instanceId}`;
    this.#lease = new EtcdLease(new EtcdClient(address), key, JSON.stringify(gateway), logger);
    let handleReport = (): void => undefined;
    const reported = new Promise<void>((resolve) => {
      handleReport = resolve;
    });
    const prefix = `${address.prefix}/workers`;
    const events = {
      onChange: (values: ReadonlyMap<string, string>) => {
        const ids = Array.from(values.keys(), (name) => name.slice(prefix.length + 1));
        handler.onWorkers(SOURCE, ids);
        handleReport();
      },
      onLost: () => {
        handler.onSourceLost(SOURCE);
        handleReport();
      },
    };
    this.#workers = new EtcdView(new EtcdClient(address), prefix, events, logger);
    this.settled = Promise.all([this.#lease.settled, reported]).then(() => undefined);
  }

  get isAnnounced(): boolean {
    return this.#lease.wasHeld;
  }

  get isConnected(): boolean {
    return this.#lease.isHeld;
  }

  async close(): Promise<void> {
    await Promise.all([this.#lease.close(), this.#workers.close()]);
  }
}
