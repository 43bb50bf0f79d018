import { parseHostPort } from '@gatewayworker/core';
import { DialerRole, type GatewayEntry } from '@gatewayworker/protocol';
import type { Directory, DiscoveryOptions, GatewayMap } from './discovery.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdLease } from './etcd-lease.ts';
import { EtcdView } from './etcd-view.ts';

/** The gateways that are alive according to an etcd. A worker also puts its own key there. */
export class EtcdDirectory implements Directory {
  readonly failures: readonly string[] = [];
  readonly isKeyRefused = false;
  /** The key of this process, if it is a worker. */
  readonly #lease: EtcdLease | undefined;
  readonly #view: EtcdView;
  #gateways: GatewayMap = new Map();
  #hasSnapshot = false;
  #isFresh = false;

  constructor(
    address: EtcdAddress,
    { identity, logger }: DiscoveryOptions,
    onChange: (gateways: GatewayMap) => void,
  ) {
    const { role, instanceId, name, id } = identity;
    if (role === DialerRole.Worker) {
      const key = `${address.prefix}/workers/${instanceId}`;
      this.#lease = new EtcdLease(new EtcdClient(address), key, `${name}#${id}`, logger);
    }
    const events = {
      onChange: (values: ReadonlyMap<string, string>) => {
        this.#hasSnapshot = true;
        this.#isFresh = true;
        this.#gateways = parseGateways(values);
        onChange(this.#gateways);
      },
      onLost: () => {
        this.#isFresh = false;
        onChange(this.#gateways);
      },
    };
    this.#view = new EtcdView(
      new EtcdClient(address),
      `${address.prefix}/gateways`,
      events,
      logger,
    );
  }

  get hasSnapshot(): boolean {
    return this.#hasSnapshot;
  }

  /** An etcd answers with all gateways at once. */
  get isSynced(): boolean {
    return this.#hasSnapshot;
  }

  get failure(): Error | undefined {
    return this.#view.failure;
  }

  get isFresh(): boolean {
    return this.#isFresh;
  }

  isAlive(address: string, instanceId: string): boolean {
    return this.#isFresh && this.#gateways.get(address)?.instanceId === instanceId;
  }

  async close(): Promise<void> {
    await Promise.all([this.#view.close(), this.#lease?.close()]);
  }
}

/** Parses the values of all keys. Any program can write to the etcd, so values that are not gateways are ignored. */
function parseGateways(values: ReadonlyMap<string, string>): GatewayMap {
  const gateways = new Map<string, GatewayEntry>();
  for (const text of values.values()) {
    const gateway = parseGateway(text);
    if (gateway !== undefined) gateways.set(gateway.address, gateway);
  }
  return gateways;
}

function parseGateway(text: string): GatewayEntry | undefined {
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
