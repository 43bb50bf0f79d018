import { Guard } from '@gatewayworker/core';
import type { GatewayContext } from './gateway-context.ts';
import type { GatewayRuntime } from './gateway-runtime.ts';
import { assertSameAddresses } from './handover/gateway-addresses.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import { parseListenAddress } from './transports/listen-address.ts';

/**
 * Makes a gateway. Its code is loaded here, with ws and HTTP, for no other process needs it: every process
 * runs the start file, and would load it otherwise.
 *
 * @throws {GW_ERR_VERSION_MISMATCH} when it is to succeed a process that hands over in another way
 * @throws {GW_ERR_LINK_CLOSED} when that process is gone
 * @throws {GW_ERR_OPTION_INVALID} when that process is found elsewhere
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
  // Before the predecessor listens no more: connections that wait in the socket must not be lost.
  const clientSocket = await context.openSocket?.({ host, port });
  const openSocket = clientSocket && (() => Promise.resolve(clientSocket));
  const opened = { ...context, guard, ...(openSocket && { openSocket }) };
  return new GatewayRuntime(options, opened, incoming);
}
