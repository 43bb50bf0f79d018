import { BlockList, isIP } from 'node:net';
import { canonicalAddress, OptionError } from '@gatewayworker/core';

/** Proxies that may report the address of a client: all, none, or these addresses and networks. */
export type TrustProxy = boolean | readonly string[];

/**
 * Hops of `X-Forwarded-For` that are checked, from the right. Chains of proxies are shorter, but a client can send as
 * many hops as fit into its headers.
 */
const MAX_HOPS = 32;

/** Longest text of a hop: an IPv6 address in brackets with a port. */
const MAX_HOP_LENGTH = 64;

/** Returns the canonical address of a peer, without the zone, which is local to this machine. */
export function peerAddress(address: string): string {
  const [withoutZone = ''] = address.split('%', 1);
  return canonicalAddress(withoutZone) ?? address;
}

/** Parses the address of a hop. Some proxies add the port, and brackets around IPv6. */
function hopAddress(hop: string): string | undefined {
  if (hop.length > MAX_HOP_LENGTH) return undefined;
  const match = /^(?:\[([\da-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/i.exec(hop);
  return canonicalAddress(match?.[1] ?? match?.[2] ?? hop);
}

/** Recognizes trusted proxies, and finds the address of a client behind them. */
export class TrustedProxies {
  readonly #trustsAll: boolean;
  /** An empty list is not searched: a search costs 30 µs of the 600 µs of a connection. */
  #isEmpty = true;
  readonly #networks = new BlockList();

  /** @throws {GW_ERR_OPTION_INVALID} when an entry is neither an address nor a network */
  constructor(trustProxy: TrustProxy) {
    this.#trustsAll = trustProxy === true;
    if (typeof trustProxy === 'boolean') return;
    if (!Array.isArray(trustProxy)) throw wrongEntry(trustProxy);
    for (const entry of trustProxy) this.#add(entry);
  }

  /** Returns whether a peer is a trusted proxy. */
  includes(address: string): boolean {
    return this.#trustsAll || (!this.#isEmpty && this.#isListed(peerAddress(address)));
  }

  /**
   * Finds the address of a client behind HTTP proxies. Each proxy appends the address of its peer to `X-Forwarded-For`,
   * so the first untrusted address from the right is the client. A client can forge hops, so a hop counts only if all
   * hops to its right are trusted.
   *
   * @param peer - address of the TCP peer
   * @returns `peer` when it is not trusted, or the header has no valid hop
   */
  clientOf(peer: string, forwardedFor: string | undefined): string {
    let client = peer;
    let end = forwardedFor?.length ?? 0;
    for (let hops = 0; forwardedFor !== undefined && hops < MAX_HOPS && end >= 0; hops += 1) {
      if (!this.includes(client)) break;
      const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
      const address = hopAddress(forwardedFor.slice(comma + 1, end).trim());
      if (address === undefined) break;
      client = address;
      end = comma;
    }
    return client;
  }

  #isListed(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  #add(entry: unknown): void {
    const [text = '', bits, ...rest] = typeof entry === 'string' ? entry.split('/') : [];
    const address = canonicalAddress(text);
    const writtenBits = isIP(text) === 4 ? 32 : 128;
    const prefix = bits === undefined ? writtenBits : Number(/^\d{1,3}$/.exec(bits)?.[0] ?? NaN);
    if (address === undefined || rest.length > 0 || !(prefix <= writtenBits)) {
      throw wrongEntry(entry);
    }
    this.#isEmpty = false;
    // Peers are compared in canonical form, so an IPv4-mapped network becomes an IPv4 network.
    const canonicalBits = isIP(address) === 4 ? 32 : 128;
    const mapped = writtenBits - canonicalBits;
    if (prefix < mapped) this.#networks.addSubnet(text, prefix, 'ipv6');
    else this.#networks.addSubnet(address, prefix - mapped, canonicalBits === 32 ? 'ipv4' : 'ipv6');
  }
}

function wrongEntry(entry: unknown): OptionError {
  const allowed = "allowed: true, false, or a list of addresses and networks such as '10.0.0.0/8'";
  return new OptionError('Gateway.trustProxy', entry, allowed);
}
