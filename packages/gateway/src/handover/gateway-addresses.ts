import { OptionError } from '@gatewayworker/core';
import type { ResolvedGatewayOptions } from '../options.ts';

/** Options of a gateway that its clients, its workers and the registers know it by. */
const addressOptions = ['listen', 'lanIp', 'innerListen', 'startPort'] as const;

/** Where a gateway is found. */
export type GatewayAddresses = Pick<ResolvedGatewayOptions, (typeof addressOptions)[number]>;

/** Picks the options that say where a gateway is found. */
export function addressesOf(options: GatewayAddresses): GatewayAddresses {
  const { listen, lanIp, innerListen, startPort } = options;
  return { listen, lanIp, innerListen, startPort };
}

/**
 * Makes sure that a successor is found where its predecessor is: it gets listening sockets, not addresses.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option that has changed
 */
export function assertSameAddresses(before: GatewayAddresses, options: GatewayAddresses): void {
  for (const name of addressOptions) {
    if (options[name] === before[name]) continue;
    const allowed = `allowed: ${JSON.stringify(before[name])} as before, because a reload keeps addresses and a restart changes them`;
    throw new OptionError(`Gateway.${name}`, options[name], allowed);
  }
}
