import { isIP } from 'node:net';

/**
 * Converts an IP address to the canonical form, in which addresses can be compared: IPv6 in lower case and in its
 * shortest form, an IPv4-mapped address as IPv4. Source: RFC 5952 4, RFC 4291 2.5.5.2.
 *
 * @returns `undefined` when the text is not an address, or has a zone (`fe80::1%eth0`), which is only valid on one
 * machine
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  // `isIP` accepts any text as a zone. The URL parser below would throw.
  if (version === 0 || text.includes('%')) return undefined;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(Number.parseInt(high, 16), 0);
  bytes.writeUInt16BE(Number.parseInt(low, 16), 2);
  return bytes.join('.');
}

/** Returns whether only this machine can reach a host, for any notation of its address. */
export function isLoopback(host: string): boolean {
  const address = canonicalAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  return address === '::1' || address.startsWith('127.');
}

/** Returns whether a host is the unspecified address (all interfaces), in any notation. */
export function isWildcard(host: string): boolean {
  const address = canonicalAddress(host);
  return address === '0.0.0.0' || address === '::';
}
