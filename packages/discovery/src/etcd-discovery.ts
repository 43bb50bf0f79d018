import type { GatewayEntry } from '@gatewayworker/protocol';
import type {
  Announcement,
  AnnouncementHandler,
  Directory,
  Discovery,
  DiscoveryOptions,
  GatewayMap,
} from './discovery.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { EtcdAnnouncement } from './etcd-announcement.ts';
import { EtcdDirectory } from './etcd-directory.ts';

/**
 * Discovery by an etcd, without registers: each process puts a key with a lease there, and watches the keys of the
 * others.
 *
 * The value of `<prefix>/gateways/<instanceId>` is a gateway as JSON, that of `<prefix>/workers/<instanceId>` the name
 * of a worker.
 */
export class EtcdDiscovery implements Discovery {
  readonly #address: EtcdAddress;
  readonly #options: DiscoveryOptions;

  constructor(address: EtcdAddress, options: DiscoveryOptions) {
    this.#address = address;
    this.#options = options;
  }

  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement {
    return new EtcdAnnouncement(this.#address, gateway, handler, this.#options.logger);
  }

  follow(onChange: (gateways: GatewayMap) => void): Directory {
    return new EtcdDirectory(this.#address, this.#options, onChange);
  }
}
