export {
  type Announcement,
  type AnnouncementHandler,
  createDiscovery,
  type Directory,
  type Discovery,
  type DiscoveryOptions,
  describeAway,
  type GatewayMap,
} from './discovery.ts';
export {
  type DiscoveryAddress,
  parseDiscoveryAddress,
  type RegisterAddress,
} from './discovery-address.ts';
