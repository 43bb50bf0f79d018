import { GatewayWorkerError } from './errors.ts';

/**
 * Says in one clause why a peer could not be linked, such as
 * `the register at 127.0.0.1:1236 refuses its secretKey`.
 *
 * @param peer - what listens there, such as `register`
 * @param address - `host:port`
 */
export function describeDialFailure(peer: string, address: string, error: Error): string {
  if (error instanceof GatewayWorkerError && error.code === 'GW_ERR_AUTHENTICATION_FAILED') {
    return `the ${peer} at ${address} refuses its secretKey`;
  }
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return `the ${peer} at ${address} cannot be reached (${code ?? error.message})`;
}

/** Takes away from reasons what names an address: the part that `describeDialFailure` has written. */
export function withoutAddresses(reason: string): string {
  return reason.replace(/: the (?:register|gateway) at .*$/s, '');
}
