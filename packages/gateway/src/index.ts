export type { SlowConsumerPolicy } from './clients/client-sender.ts';
export type { GatewayRuntime } from './gateway-runtime.ts';
export { loadGateway } from './load-gateway.ts';
export {
  type GatewayOptions,
  gatewayDefaults,
  innerListenAddress,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
} from './options.ts';
export type { ResumeOptions } from './resume/resume-options.ts';
export type { ClientProtocol, DecodedMessage } from './transports/client-protocol.ts';
export type { TlsOptions } from './transports/tls-options.ts';
export type { TrustProxy } from './transports/trusted-proxies.ts';
export type { DeflateOptions } from './transports/websocket-transport.ts';
export type {
  RoutableClient,
  RoutableWorker,
  Router,
  RouterFunction,
} from './workers/worker-router.ts';
