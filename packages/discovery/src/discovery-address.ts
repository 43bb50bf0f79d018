import { type HostPort, OptionError, parseHostPort } from '@gatewayworker/core';

/**
 * Where the processes of a cluster find each other: one register (`host:port`) or several, or an etcd
 * (`etcd://host:port,host:port/prefix`; `etcds://` for TLS; `user:password@` before the hosts for authentication).
 */
export type RegisterAddress = string | readonly string[];

/** The parsed address of an etcd. */
export interface EtcdAddress {
  readonly kind: 'etcd';
  /** `http://host:port` or `https://host:port`, at least one. */
  readonly endpoints: readonly string[];
  /** Prefix of every key. It begins with a slash and does not end with one. */
  readonly prefix: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** A parsed `registerAddress`. */
export type DiscoveryAddress =
  | { readonly kind: 'registers'; readonly registers: readonly HostPort[] }
  | EtcdAddress;

const defaultPrefix = '/gatewayworker';

/**
 * Parses a `registerAddress` option.
 *
 * @throws {GW_ERR_OPTION_INVALID} when it is empty, an entry is not `host:port` with a port of at least 1, or the
 * address of an etcd is malformed; the error does not show a password
 */
export function parseDiscoveryAddress(option: string, value: unknown): DiscoveryAddress {
  if (typeof value === 'string' && /^etcds?:/.test(value)) return parseEtcd(option, value);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new OptionError(option, value, 'allowed: at least one host:port');
  return { kind: 'registers', registers: list.map((entry) => parsePort(option, entry)) };
}

function parsePort(option: string, value: unknown): HostPort {
  const address = parseHostPort(option, value);
  if (address.port === 0) throw new OptionError(option, value, 'allowed: a port from 1 to 65535');
  return address;
}

function parseEtcd(option: string, value: string): EtcdAddress {
  const match =
    /^etcd(?<tls>s?):\/\/(?:(?<user>[^:@/]+):(?<password>[^@/]*)@)?(?<hosts>[^/@]+)(?<prefix>\/[\w./-]*)?$/.exec(
      value,
    );
  const { tls, user, password, hosts = '', prefix } = match?.groups ?? {};
  if (match === null) {
    throw new OptionError(option, value, 'allowed: etcd://host:port,host:port/prefix');
  }
  const endpoints = hosts.split(',').map((entry) => {
    parsePort(option, entry);
    return `http${tls ?? ''}://${entry}`;
  });
  return {
    kind: 'etcd',
    endpoints,
    prefix: prefix?.replace(/\/+$/, '') || defaultPrefix,
    user: user && decodePart(option, value, user),
    password: password && decodePart(option, value, password),
  };
}

function decodePart(option: string, address: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    const allowed = 'allowed: a user and a password in which % is written as %25';
    throw new OptionError(option, address, allowed);
  }
}
