import type { Discovery, DiscoveryOptions } from './discovery.ts';
import type { DiscoveryAddress } from './discovery-address.ts';
import { EtcdDiscovery } from './etcd-discovery.ts';
import { RegisterDiscovery } from './register-discovery.ts';

/** Creates the discovery for a `registerAddress`: registers or an etcd. */
export function createDiscovery(address: DiscoveryAddress, options: DiscoveryOptions): Discovery {
  return address.kind === 'registers'
    ? new RegisterDiscovery(address.registers, options)
    : new EtcdDiscovery(address, options);
}
