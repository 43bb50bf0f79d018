import { isIP } from 'node:net';

/**
 * Brings an IP address into the one form in which addresses are compared: IPv6 in lower case and shortest
 * form, an IPv4-mapped one as IPv4. Source: RFC 5952 4, RFC 4291 2.5.5.2.
 *
 * @returns `undefined` when the text is no address, or has a zone (`fe80::1%eth0`), which means nothing
 * outside the machine that wrote it
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  // `isIP` accepts a zone of any text, which the URL parser below would throw at.
  if (version === 0 || text.includes('%')) return undefined;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(Number.parseInt(high, 16), 0);
  bytes.writeUInt16BE(Number.parseInt(low, 16), 2);
  return bytes.join('.');
}

/** Tells whether a host can be reached from this machine only, however its address is written. */
export function isLoopback(host: string): boolean {
  const address = canonicalAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  return address === '::1' || address.startsWith('127.');
}

/** Tells whether a host is the unspecified address (all interfaces), in any notation. */
export function isWildcard(host: string): boolean {
  const address = canonicalAddress(host);
  return address === '0.0.0.0' || address === '::';
}
