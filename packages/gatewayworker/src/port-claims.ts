import { isWildcard, OptionError } from '@gatewayworker/core';

/** A port that a declaration will listen on. */
export interface PortClaim {
  /** Declaration, such as `Gateway "chat"`. */
  readonly owner: string;
  /** Full name of the option, such as `Gateway.listen`. */
  readonly option: string;
  /** Value of that option. */
  readonly value: unknown;
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Claims `count` consecutive ports from that of the claim on; none for port 0, which selects free ports. */
export function claimPorts(first: PortClaim, count: number): PortClaim[] {
  if (first.port === 0) return [];
  return Array.from({ length: count }, (_, id) => ({ ...first, port: first.port + id }));
}

/**
 * Throws when two declarations claim the same port on the same address.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming both declarations
 */
export function assertPortsDiffer(claims: readonly PortClaim[]): void {
  const byPort = new Map<number, PortClaim[]>();
  for (const claim of claims) {
    const others = byPort.get(claim.port) ?? [];
    const other = others.find(({ host }) => overlaps(host, claim.host));
    if (other !== undefined) {
      const reason = `port ${claim.port} of ${claim.owner} is also that of ${other.owner} (${other.option})`;
      throw new OptionError(claim.option, claim.value, reason);
    }
    byPort.set(claim.port, [...others, claim]);
  }
}

function overlaps(one: string, other: string): boolean {
  return one === other || isWildcard(one) || isWildcard(other);
}
