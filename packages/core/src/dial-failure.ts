/**
 * Describes in one clause why a link to a peer failed, such as
 * `the register at 127.0.0.1:1236 cannot be reached (ECONNREFUSED)`.
 *
 * @param peer - role that listens there, such as `register`
 * @param address - `host:port`
 */
export function describeDialFailure(peer: string, address: string, error: Error): string {
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== undefined) return `the ${peer} at ${address} cannot be reached (${code})`;
  return `the ${peer} at ${address} cannot be linked: ${error.message}`;
}

/** Removes the part of a reason that contains an address, which is the part written by `describeDialFailure`. */
export function withoutAddresses(reason: string): string {
  return reason.replace(/: the (?:register|gateway) at .*$/s, '');
}
