import { OptionError } from './errors.ts';
import { type HostPort, parseHostPort } from './options.ts';

/** One register address (`host:port`) or several. */
export type RegisterAddress = string | readonly string[];

/**
 * Reads the `registerAddress` option that gateways, workers and clients share.
 *
 * @throws {GW_ERR_OPTION_INVALID} when it is empty or an entry is not `host:port` with a port from 1
 */
export function resolveRegisterAddresses(option: string, value: unknown): readonly HostPort[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new OptionError(option, value, 'allowed: at least one host:port');
  return list.map((entry) => {
    const address = parseHostPort(option, entry);
    if (address.port === 0) throw new OptionError(option, entry, 'allowed: a port from 1 to 65535');
    return address;
  });
}

/**
 * Checks the `secretKey` of a process that listens for inner links.
 *
 * @throws {GW_ERR_OPTION_INVALID} when the key is empty and the listener can be reached from other machines
 */
export function assertSecretKey(owner: string, secretKey: unknown, listenHost: string): void {
  // Named by its type alone: a value of a wrong type may still be the secret.
  if (typeof secretKey !== 'string') {
    throw new OptionError(`${owner}.secretKey`, typeof secretKey, 'allowed: a string');
  }
  if (secretKey !== '' || isLoopback(listenHost)) return;
  throw new OptionError(
    `${owner}.secretKey`,
    secretKey,
    `a key is required because ${listenHost} is not a loopback address: whoever reaches it controls the cluster`,
  );
}

/** Tells whether a host can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
