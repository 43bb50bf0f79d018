import { isIPv6 } from 'node:net';

/**
 * Returns the network that is limited as one caller: an IPv4 address, or the /64 of an IPv6 address, because one
 * customer of a provider has at least a /64.
 *
 * @param address - of a client; a text that is not an IPv6 address is returned unchanged
 */
export function toNetwork(address: string): string {
  const [bare = ''] = address.split('%');
  if (!isIPv6(bare)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  // The URL parser returns the canonical form, with at most one `::`.
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split('::').map((part) => part.split(':'));
  const groups = canonical.includes('::')
    ? [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
    : head;
  return `${groups
    .slice(0, 4)
    .map((group) => group || '0')
    .join(':')}::/64`;
}
