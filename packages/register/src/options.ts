import {
  assertName,
  assertOptionsObject,
  assertSecretKey,
  deepFreeze,
  givenSecretKey,
  type InnerTlsOptions,
  parseHostPort,
  rejectUnknownKeys,
  resolveInnerTls,
  type SecretKey,
  withoutUndefined,
} from '@gatewayworker/core';

/** Options of a register. */
export interface RegisterOptions {
  /** Address to listen on, `host:port`; port 0 means a free port. @default '127.0.0.1:1236' */
  readonly listen?: string;
  /** Shown in the status and in logs. @default 'register' */
  readonly name?: string;
  /**
   * Secret that every process of the cluster shares; required when `listen` is not a loopback address. Two peers with
   * lists of keys need one key in common. @default ''
   */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; mutual when it has a `ca`. @default none */
  readonly innerTls?: InnerTlsOptions;
}

/** Register options with every default filled in. */
export interface ResolvedRegisterOptions {
  readonly listen: string;
  readonly name: string;
  readonly secretKey: SecretKey;
  readonly innerTls: InnerTlsOptions | undefined;
}

/** Defaults of a register. */
export const registerDefaults: Omit<ResolvedRegisterOptions, 'innerTls'> = Object.freeze({
  listen: '127.0.0.1:1236',
  name: 'register',
  secretKey: '',
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} with the option, its value and the allowed values
 */
export function resolveRegisterOptions(options: RegisterOptions = {}): ResolvedRegisterOptions {
  assertOptionsObject('Register', options);
  rejectUnknownKeys('Register', options, ['innerTls', ...Object.keys(registerDefaults)]);
  const { innerTls, ...rest } = withoutUndefined(options);
  const resolved = { ...registerDefaults, ...rest };
  const { host } = parseHostPort('Register.listen', resolved.listen);
  assertName('Register.name', resolved.name);
  assertSecretKey('Register', givenSecretKey(options), host);
  const tls = resolveInnerTls('Register', innerTls, true);
  return Object.freeze({ ...deepFreeze(resolved), innerTls: tls });
}
