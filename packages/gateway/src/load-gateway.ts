import type { GatewayContext } from './gateway-context.ts';
import type { GatewayRuntime } from './gateway-runtime.ts';
import type { ResolvedGatewayOptions } from './options.ts';

/**
 * Makes a gateway. Its code is loaded here, with ws and HTTP, for no other process needs it: every process
 * runs the start file, and would load it otherwise.
 */
export async function loadGateway(
  options: ResolvedGatewayOptions,
  context: GatewayContext,
): Promise<GatewayRuntime> {
  const { GatewayRuntime } = await import('./gateway-runtime.ts');
  return new GatewayRuntime(options, context);
}
