import { unpackClientRequest } from '@gatewayworker/protocol';
import type { HandshakeRequest } from './event-handler.ts';

/** Parses the handshake of a client, which the gateway has packed. */
export function parseHandshakeRequest(packed: Uint8Array): HandshakeRequest {
  const { url, headers, token } = unpackClientRequest(packed);
  const mark = url.indexOf('?');
  return {
    url,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers,
    cookies: parseCookies(headers['cookie'] ?? ''),
    ...(token === undefined ? {} : { token }),
  };
}

/** Parses a Cookie header. Of two cookies with the same name, the first one is used. Source: RFC 6265 5.4. */
export function parseCookies(header: string): Record<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of header.split(';')) {
    const mark = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, mark)).trim();
    if (name === '' || cookies.has(name)) continue;
    cookies.set(name, decodeCookie(pair.slice(mark + 1).trim()));
  }
  return Object.fromEntries(cookies);
}

function decodeCookie(value: string): string {
  const text = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(text);
  } catch {
    // A cookie that is not percent-encoded is used unchanged.
    return text;
  }
}
