export { createDiscovery } from './create-discovery.ts';
export {
  type Announcement,
  type AnnouncementHandler,
  type Directory,
  type Discovery,
  type DiscoveryOptions,
  describeUnavailable,
  type GatewayMap,
} from './discovery.ts';
export {
  type DiscoveryAddress,
  parseDiscoveryAddress,
  type RegisterAddress,
} from './discovery-address.ts';
