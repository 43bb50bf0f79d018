import { parseHostPort } from '@gatewayworker/core';
import type { GatewayEntry } from '@gatewayworker/protocol';
import { DialerRole } from '@gatewayworker/protocol';
import type {
  Announcement,
  AnnouncementHandler,
  Directory,
  Discovery,
  DiscoveryOptions,
  GatewayMap,
} from './discovery.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdLease } from './etcd-lease.ts';
import { EtcdView } from './etcd-view.ts';

/**
 * Discovery by an etcd: each process has a key there that its lease keeps alive, and watches those of the
 * others. No process of ours needs to run for it.
 *
 * `<prefix>/gateways/<instanceId>` holds a gateway as JSON, `<prefix>/workers/<instanceId>` the name of a
 * worker.
 */
export class EtcdDiscovery implements Discovery {
  readonly #address: EtcdAddress;
  readonly #options: DiscoveryOptions;

  constructor(address: EtcdAddress, options: DiscoveryOptions) {
    this.#address = address;
    this.#options = options;
  }

  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement {
    const { prefix } = this.#address;
    const { logger } = this.#options;
    const client = new EtcdClient(this.#address);
    const key = `${prefix}/gateways/${gateway.instanceId}`;
    const lease = new EtcdLease(client, key, JSON.stringify(gateway), logger);
    const workers = `${prefix}/workers`;
    let handleHeard = (): void => undefined;
    const heard = new Promise<void>((resolve) => {
      handleHeard = resolve;
    });
    const view = new EtcdView(
      new EtcdClient(this.#address),
      workers,
      {
        onChange: (values) => {
          const ids = Array.from(values.keys(), (name) => name.slice(workers.length + 1));
          handler.onWorkers('etcd', ids);
          handleHeard();
        },
        onLost: () => {
          handler.onSourceLost('etcd');
          handleHeard();
        },
      },
      logger,
    );
    return {
      failures: [],
      settled: Promise.all([lease.settled, heard]).then(() => undefined),
      get isKnown() {
        return lease.isKnown;
      },
      get isCurrent() {
        return lease.isCurrent;
      },
      close: async () => {
        await Promise.all([lease.close(), view.close()]);
      },
    };
  }

  follow(onChange: (gateways: GatewayMap) => void): Directory {
    const { prefix } = this.#address;
    const { identity, logger } = this.#options;
    const { role, instanceId, name, id } = identity;
    const lease =
      role === DialerRole.Worker
        ? new EtcdLease(
            new EtcdClient(this.#address),
            `${prefix}/workers/${instanceId}`,
            `${name}#${id}`,
            logger,
          )
        : undefined;
    let gateways: GatewayMap = new Map();
    const state = { isKnown: false, isCurrent: false };
    const view = new EtcdView(
      new EtcdClient(this.#address),
      `${prefix}/gateways`,
      {
        onChange: (values) => {
          state.isKnown = true;
          state.isCurrent = true;
          gateways = readGateways(values);
          onChange(gateways);
        },
        onLost: () => {
          state.isCurrent = false;
          onChange(gateways);
        },
      },
      logger,
    );
    return {
      failures: [],
      get isKnown() {
        return state.isKnown;
      },
      isRefused: false,
      get isComplete() {
        return state.isKnown;
      },
      get failure() {
        return view.failure;
      },
      get isCurrent() {
        return state.isCurrent;
      },
      isAlive: (address, instanceId) =>
        state.isCurrent && gateways.get(address)?.instanceId === instanceId,
      close: async () => {
        await Promise.all([view.close(), lease?.close()]);
      },
    };
  }
}

/** What others have written there is checked; what is no gateway is passed over. */
function readGateways(values: ReadonlyMap<string, string>): GatewayMap {
  const gateways = new Map<string, GatewayEntry>();
  for (const text of values.values()) {
    const gateway = readGateway(text);
    if (gateway !== undefined) gateways.set(gateway.address, gateway);
  }
  return gateways;
}

function readGateway(text: string): GatewayEntry | undefined {
  try {
    const { address, instanceId, gatewayToken, name } = Object(JSON.parse(text));
    const areStrings = [address, instanceId, name].every((field) => typeof field === 'string');
    if (!areStrings || !Number.isInteger(gatewayToken)) return undefined;
    parseHostPort('address of a gateway', address);
    return { address, instanceId, gatewayToken, name };
  } catch {
    return undefined;
  }
}
