import { isIP } from 'node:net';
import { OptionError, parseHostPort } from '@gatewayworker/core';

/** Schemes of the built-in protocols. */
const builtInSchemes = ['websocket', 'text', 'frame', 'tcp'] as const;

/** The parsed `listen` option. */
export interface ListenAddress {
  /** A built-in scheme, or any other with the `protocol` option. */
  readonly scheme: string;
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
}

/**
 * Parses `scheme://host:port`.
 *
 * @param hasProtocol - whether the `protocol` option is set
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
    // The error below shows the whole value.
  }
  const allowed = `allowed: ${scheme}://host:port with a port from 0 to 65535, such as ${scheme}://0.0.0.0:8282`;
  throw new OptionError('Gateway.listen', listen, allowed);
}

/** Returns whether a text is an IP address or a valid host name. Source: RFC 1123 2.1. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const labels = text.split('.');
  const isName = labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
  // A name with a numeric last label is a mistyped address.
  return isName && text.length <= 253 && !/^\d+$/.test(labels.at(-1) ?? '');
}
