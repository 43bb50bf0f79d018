import { BlockList, isIP } from 'node:net';
import { canonicalAddress, OptionError } from '@gatewayworker/core';

/** Proxies whose word about a client's address counts: all, none, or these addresses and networks. */
export type TrustProxy = boolean | readonly string[];

/**
 * Hops of `X-Forwarded-For` that are looked at, from the right: no chain of proxies is as long, and a client
 * may send as many as fit into its headers.
 */
const MAX_HOPS = 32;

/** Longest text of a hop: an IPv6 address in brackets with a port. */
const MAX_HOP_LENGTH = 64;

/** The address of a peer as it is shown and compared; its zone, known to this machine alone, is left out. */
export function peerAddress(address: string): string {
  const [withoutZone = ''] = address.split('%', 1);
  return canonicalAddress(withoutZone) ?? address;
}

/** The address of a hop, if it is one: some proxies add the port, and then brackets to IPv6. */
function hopAddress(hop: string): string | undefined {
  if (hop.length > MAX_HOP_LENGTH) return undefined;
  const match = /^(?:\[([\da-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/i.exec(hop);
  return canonicalAddress(match?.[1] ?? match?.[2] ?? hop);
}

/** Tells which peers are trusted proxies, and who a client is that came by them. */
export class TrustedProxies {
  readonly #isEverybody: boolean;
  /** Nobody is looked for in an empty list: that costs 30 µs of the 600 of a connection. */
  #isNobody = true;
  readonly #networks = new BlockList();

  /** @throws {GW_ERR_OPTION_INVALID} when an entry is neither an address nor a network */
  constructor(trustProxy: TrustProxy) {
    this.#isEverybody = trustProxy === true;
    if (typeof trustProxy === 'boolean') return;
    if (!Array.isArray(trustProxy)) throw wrongEntry(trustProxy);
    for (const entry of trustProxy) this.#add(entry);
  }

  /** Tells whether a peer is one. */
  includes(address: string): boolean {
    return this.#isEverybody || (!this.#isNobody && this.#isListed(peerAddress(address)));
  }

  /**
   * Finds the address of a client that came by HTTP proxies: each adds the address that it saw to the
   * right of `X-Forwarded-For`, so the first from the right that is no trusted proxy is the client's.
   * The hops come from the client, so none is looked at before its right neighbour is known to be a proxy.
   *
   * @param peer - who the connection came from
   * @returns `peer` when it is no trusted proxy, or the header says nothing of use
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
    const mostWritten = isIP(text) === 4 ? 32 : 128;
    const prefix = bits === undefined ? mostWritten : Number(/^\d{1,3}$/.exec(bits)?.[0] ?? NaN);
    if (address === undefined || rest.length > 0 || !(prefix <= mostWritten))
      throw wrongEntry(entry);
    this.#isNobody = false;
    // Peers are compared in canonical form, so an IPv4-mapped network becomes the IPv4 one.
    const most = isIP(address) === 4 ? 32 : 128;
    const mapped = mostWritten - most;
    if (prefix < mapped) this.#networks.addSubnet(text, prefix, 'ipv6');
    else this.#networks.addSubnet(address, prefix - mapped, most === 32 ? 'ipv4' : 'ipv6');
  }
}

function wrongEntry(entry: unknown): OptionError {
  const allowed = "allowed: true, false, or a list of addresses and networks such as '10.0.0.0/8'";
  return new OptionError('Gateway.trustProxy', entry, allowed);
}
