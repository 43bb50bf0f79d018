export type { SlowConsumerPolicy } from './client-sender.ts';
export type { GatewayRuntime } from './gateway-runtime.ts';
export { loadGateway } from './load-gateway.ts';
export {
  type GatewayOptions,
  gatewayDefaults,
  innerListenAddress,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
} from './options.ts';
export type { TlsOptions } from './tls-options.ts';
export type { ClientProtocol, DecodedMessage } from './transports/client-protocol.ts';
export type { DeflateOptions } from './transports/websocket-transport.ts';
export type { TrustProxy } from './trusted-proxies.ts';
export type { RoutableClient, RoutableWorker, Router, RouterFunction } from './worker-router.ts';
