import { isIPv6 } from 'node:net';

/**
 * The network that counts as one caller: an IPv4 address by itself, an IPv6 address by its /64, because one
 * customer of a provider has a /64 or more.
 *
 * @param address - of a client; anything that is not an IPv6 address is answered as it is
 */
export function toNetwork(address: string): string {
  const [bare = ''] = address.split('%');
  if (!isIPv6(bare)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  // The URL parser writes the address in its one canonical form, with at most one `::`.
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
