import { isIP } from 'node:net';
import { OptionError, parseHostPort } from '@gatewayworker/core';

/** Schemes that the framework itself knows. */
const builtInSchemes = ['websocket', 'text', 'frame', 'tcp'] as const;

/** Protocol, host and port of the address that clients connect to. */
export interface ListenAddress {
  /** One that is built in, or any name where the `protocol` option says what it means. */
  readonly scheme: string;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

/**
 * Reads `scheme://host:port`.
 *
 * @param hasProtocol - whether the declaration brings a protocol of its own
 * @throws {GW_ERR_OPTION_INVALID} when the scheme is unknown, or the rest is not `host:port`
 */
export function parseListenAddress(listen: unknown, hasProtocol = false): ListenAddress {
  const match = typeof listen === 'string' ? /^([a-z][a-z0-9+.-]*):\/\/(.+)$/.exec(listen) : null;
  const [, scheme = '', address = ''] = match ?? [];
  const isBuiltIn = builtInSchemes.some((name) => name === scheme);
  if (match === null || isBuiltIn === hasProtocol) {
    const names = builtInSchemes.map((name) => `${name}://`).join(', ');
    const allowed = hasProtocol
      ? `allowed with a protocol of your own: a scheme that is not ${names}, such as my-protocol://0.0.0.0:8282`
      : `allowed: scheme://host:port, such as websocket://0.0.0.0:8282, the scheme being one of ${names}, or any other with the protocol option`;
    throw new OptionError('Gateway.listen', listen, allowed);
  }
  try {
    const { host, port } = parseHostPort('Gateway.listen', address);
    if (isHost(host)) return { scheme, host, port };
  } catch {
    // The message below says it better: it shows the whole value.
  }
  const allowed = `allowed: ${scheme}://host:port with a port from 0 to 65535, such as ${scheme}://0.0.0.0:8282`;
  throw new OptionError('Gateway.listen', listen, allowed);
}

/** Tells whether a text is an IP address or can be the name of a host. Source: RFC 1123 2.1. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const labels = text.split('.');
  const isName = labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
  // A name whose last part is a number is a mistyped address.
  return isName && text.length <= 253 && !/^\d+$/.test(labels.at(-1) ?? '');
}
