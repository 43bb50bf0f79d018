import type { GatewayContext, GatewayRuntime } from './gateway-runtime.ts';
import type { ResolvedGatewayOptions } from './options.ts';

/**
 * Makes a gateway. Its code is loaded here, for no other process needs it: that is a third of the time
 * in which a process starts.
 */
export async function loadGateway(
  options: ResolvedGatewayOptions,
  context: GatewayContext,
): Promise<GatewayRuntime> {
  const { GatewayRuntime } = await import('./gateway-runtime.ts');
  return new GatewayRuntime(options, context);
}
