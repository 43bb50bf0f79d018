import { Guard } from '@gatewayworker/core';
import type { GatewayContext } from './gateway-context.ts';
import type { GatewayRuntime } from './gateway-runtime.ts';
import { assertSameAddresses } from './handover/gateway-addresses.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import { parseListenAddress } from './transports/listen-address.ts';

/**
 * Creates a gateway. Its code, ws and HTTP are imported here, because every process runs the start file, but only
 * gateway processes need them.
 *
 * @throws {GW_ERR_VERSION_MISMATCH} when the predecessor has another handover version
 * @throws {GW_ERR_LINK_CLOSED} when the predecessor is lost
 * @throws {GW_ERR_OPTION_INVALID} when the predecessor has another address
 */
export async function loadGateway(
  options: ResolvedGatewayOptions,
  context: GatewayContext,
): Promise<GatewayRuntime> {
  const { GatewayRuntime, IncomingHandover } = await import('./gateway-runtime.ts');
  const { predecessor, logger, guard = new Guard(logger) } = context;
  if (predecessor === undefined) return new GatewayRuntime(options, { ...context, guard });
  const incoming = await IncomingHandover.open(predecessor, { guard, logger });
  assertSameAddresses(incoming.identity.addresses, options);
  const { host, port } = parseListenAddress(options.listen, options.protocol !== undefined);
  // Opened before the predecessor stops listening, so that connections in the accept queue are not lost.
  const clientSocket = await context.openSocket?.({ host, port });
  const openSocket = clientSocket && (() => Promise.resolve(clientSocket));
  const opened = { ...context, guard, ...(openSocket && { openSocket }) };
  return new GatewayRuntime(options, opened, incoming);
}
