import {
  assertName,
  assertOptionsObject,
  assertSecretKey,
  deepFreeze,
  parseHostPort,
  rejectUnknownKeys,
} from '@gatewayworker/core';

/** Options of a register. */
export interface RegisterOptions {
  /** Address to listen on, `host:port`; port 0 takes a free one. @default '127.0.0.1:1236' */
  readonly listen?: string;
  /** Shown in the status and in logs. @default 'register' */
  readonly name?: string;
  /** Shared by every process of the cluster; required when `listen` is not a loopback address. @default '' */
  readonly secretKey?: string;
}

/** Register options with every default filled in. */
export interface ResolvedRegisterOptions {
  readonly listen: string;
  readonly name: string;
  readonly secretKey: string;
}

/** Defaults of a register. */
export const registerDefaults: ResolvedRegisterOptions = Object.freeze({
  listen: '127.0.0.1:1236',
  name: 'register',
  secretKey: '',
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveRegisterOptions(options: RegisterOptions = {}): ResolvedRegisterOptions {
  assertOptionsObject('Register', options);
  rejectUnknownKeys('Register', options, Object.keys(registerDefaults));
  const resolved = { ...registerDefaults, ...options };
  const { host } = parseHostPort('Register.listen', resolved.listen);
  assertName('Register.name', resolved.name);
  assertSecretKey('Register', resolved.secretKey, host);
  return deepFreeze(resolved);
}
