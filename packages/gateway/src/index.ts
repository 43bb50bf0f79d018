export { GatewayRuntime } from './gateway-runtime.ts';
export {
  type GatewayOptions,
  gatewayDefaults,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
} from './options.ts';
