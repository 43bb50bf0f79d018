import { isIP } from 'node:net';
import { canonicalAddress } from '@gatewayworker/core';

/** A parsed PROXY header. */
export interface ProxyHeader {
  /** Length of the header in bytes. */
  readonly byteLength: number;
  /** Address of the client in canonical form; `undefined` for a health check of the proxy, or an unknown client. */
  readonly source: { readonly address: string; readonly port: number } | undefined;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_HEADER_BYTES = 16;
/** Longest accepted header, TLVs included. The longest TLVs in use are fields of certificates. */
const MAX_V2_BYTES = 4096;
const MAX_V1_BYTES = 107;

/** Address size and total size of the addresses and ports, in bytes, by the code of family and protocol. */
const tcp4 = { code: 0x11, addressBytes: 4, byteLength: 12 };
const tcp6 = { code: 0x21, addressBytes: 16, byteLength: 36 };

/**
 * Parses the header of the PROXY protocol, version 1 or 2, at the start of a connection.
 *
 * @returns `undefined` when more bytes are needed
 * @throws {Error} when the bytes are not a PROXY header
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const start = bytes.subarray(0, SIGNATURE.length);
  if (start.equals(SIGNATURE.subarray(0, start.length))) return parseVersion2(bytes);
  if ('PROXY '.startsWith(start.toString('latin1', 0, 6))) return parseVersion1(bytes);
  throw new Error('the connection does not begin with a PROXY header');
}

function parseVersion1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.indexOf('\r\n');
  if (end < 0 && bytes.length < MAX_V1_BYTES) return undefined;
  if (end < 0 || end + 2 > MAX_V1_BYTES) throw new Error('a PROXY header is too long');
  const line = bytes.toString('latin1', 0, end);
  const byteLength = end + 2;
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { byteLength, source: undefined };
  const match = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line);
  const [, version, from = '', to = '', port, destinationPort] = match ?? [];
  const address = canonicalAddress(from);
  const isOfVersion = [from, to].every((text) => isIP(text) === Number(version));
  if (!isOfVersion || address === undefined || canonicalAddress(to) === undefined) {
    throw new Error('a PROXY header is malformed');
  }
  checkPort(Number(destinationPort));
  return { byteLength, source: { address, port: checkPort(Number(port)) } };
}

function checkPort(port: number): number {
  if (port <= 65_535) return port;
  throw new Error(`a PROXY header has the port ${port}; allowed: 0 to 65535`);
}

function parseVersion2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_HEADER_BYTES) return undefined;
  const versionAndCommand = bytes.readUInt8(12);
  const byteLength = V2_HEADER_BYTES + bytes.readUInt16BE(14);
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    throw new Error('a PROXY header has an unknown version or command');
  }
  if (byteLength > MAX_V2_BYTES) throw new Error('a PROXY header is too long');
  if (bytes.length < byteLength) return undefined;
  const code = bytes.readUInt8(13);
  const family = [tcp4, tcp6].find((candidate) => candidate.code === code);
  // LOCAL is a health check of the proxy; other families have no IP address.
  if (versionAndCommand === 0x20 || family === undefined) return { byteLength, source: undefined };
  if (byteLength < V2_HEADER_BYTES + family.byteLength)
    throw new Error('a PROXY header is too short for its addresses');
  const end = V2_HEADER_BYTES + family.addressBytes;
  const address = formatAddress(bytes.subarray(V2_HEADER_BYTES, end));
  const port = bytes.readUInt16BE(V2_HEADER_BYTES + 2 * family.addressBytes);
  return { byteLength, source: { address, port } };
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    bytes.readUInt16BE(index * 2).toString(16),
  );
  return canonicalAddress(groups.join(':')) ?? '';
}
