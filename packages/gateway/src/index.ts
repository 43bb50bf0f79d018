export type { SlowConsumerPolicy } from './client-sender.ts';
export { GatewayRuntime } from './gateway-runtime.ts';
export {
  type GatewayOptions,
  gatewayDefaults,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
} from './options.ts';
export type { RoutableClient, RoutableWorker, Router, RouterFunction } from './worker-router.ts';
