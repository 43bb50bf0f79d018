import { createHash } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { ClientRequest } from '@gatewayworker/protocol';
import type { Refusal } from './transport.ts';

/** A refusal with additional response headers. */
export interface HandshakeRefusal extends Refusal {
  readonly headers?: Readonly<Record<string, string>>;
}

const key = /^[+/0-9A-Za-z]{22}==$/;
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Checks the headers of a websocket handshake. Returns a refusal if they are invalid.
 *
 * Source: RFC 6455 4.2.1, 4.4.
 */
export function checkHandshake(request: IncomingMessage): HandshakeRefusal | undefined {
  const { method, headers, rawHeaders } = request;
  if (method !== 'GET') return refuse(405, 'the method must be GET', { Allow: 'GET' });
  // Node.js does not check this for requests with `Upgrade`. Source: RFC 9112 3.2.
  if (!headers.host || countHosts(rawHeaders) > 1) {
    return refuse(400, 'exactly one Host header is required');
  }
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    return refuse(400, 'the Upgrade header must be websocket');
  }
  if (!key.test(headers['sec-websocket-key'] ?? '')) {
    return refuse(400, 'a Sec-WebSocket-Key of 16 bytes is required');
  }
  if (headers['sec-websocket-version'] !== '13') {
    return refuse(426, 'the Sec-WebSocket-Version must be 13', { 'Sec-WebSocket-Version': '13' });
  }
  const offered = offeredSubprotocols(request);
  if (offered.every((name) => token.test(name)) && new Set(offered).size === offered.length) {
    return undefined;
  }
  return refuse(400, 'Sec-WebSocket-Protocol must be a list of distinct tokens');
}

/** Returns the subprotocols that the client offers, in its order. */
export function offeredSubprotocols({ headers }: IncomingMessage): string[] {
  return headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
}

/** Appended to the key of the client. Source: RFC 6455 1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Formats the response that accepts a handshake.
 *
 * Source: RFC 6455 4.2.2.
 */
export function formatAcceptance(
  { headers }: IncomingMessage,
  subprotocol: string | undefined,
): string {
  const key = `${headers['sec-websocket-key']}${KEY_SUFFIX}`;
  const accept = createHash('sha1').update(key).digest('base64');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  if (subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** @param rawHeaders - names and values in turn */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}

function refuse(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): HandshakeRefusal {
  return { isAccepted: false, status, reason, headers };
}

/** Formats a refusal as an HTTP response. */
export function formatRefusal({ status, reason, headers = {} }: HandshakeRefusal): string {
  const body = `${reason}\n`;
  const lines = Object.entries({
    Connection: 'close',
    'Retry-After': '1',
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`;
}

/** Returns the parts of a handshake that applications see. */
export function readRequest(request: IncomingMessage): ClientRequest {
  // Node.js joins repeated headers, except `set-cookie`.
  const { 'set-cookie': cookies, ...headers } = request.headers;
  const all = cookies === undefined ? headers : { ...headers, 'set-cookie': cookies.join(', ') };
  return { url: request.url ?? '/', headers: all as Record<string, string> };
}
