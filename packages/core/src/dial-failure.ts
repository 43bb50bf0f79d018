/**
 * Says in one clause why a peer could not be linked, such as
 * `the register at 127.0.0.1:1236 cannot be reached (ECONNREFUSED)`.
 *
 * @param peer - what listens there, such as `register`
 * @param address - `host:port`
 */
export function describeDialFailure(peer: string, address: string, error: Error): string {
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== undefined) return `the ${peer} at ${address} cannot be reached (${code})`;
  return `the ${peer} at ${address} cannot be linked: ${error.message}`;
}

/** Takes away from reasons what names an address: the part that `describeDialFailure` has written. */
export function withoutAddresses(reason: string): string {
  return reason.replace(/: the (?:register|gateway) at .*$/s, '');
}
