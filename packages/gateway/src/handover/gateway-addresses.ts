import { OptionError } from '@gatewayworker/core';
import type { ResolvedGatewayOptions } from '../options.ts';

/** Options that are addresses of the gateway for clients, workers and registers. */
const addressOptions = ['listen', 'lanIp', 'innerListen', 'startPort'] as const;

/** The addresses of a gateway. */
export type GatewayAddresses = Pick<ResolvedGatewayOptions, (typeof addressOptions)[number]>;

/** Picks the addresses from the options. */
export function addressesOf(options: GatewayAddresses): GatewayAddresses {
  const { listen, lanIp, innerListen, startPort } = options;
  return { listen, lanIp, innerListen, startPort };
}

/**
 * Checks that the addresses of a successor equal those of its predecessor, whose listening sockets it gets.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the changed option
 */
export function assertSameAddresses(before: GatewayAddresses, options: GatewayAddresses): void {
  for (const name of addressOptions) {
    if (options[name] === before[name]) continue;
    const value = JSON.stringify(before[name]);
    const allowed = `allowed: ${value} as before, because only a restart can change addresses`;
    throw new OptionError(`Gateway.${name}`, options[name], allowed);
  }
}
