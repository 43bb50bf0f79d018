import { createSecureContext, type SecureContext } from 'node:tls';
import {
  assertOptionsObject,
  OptionError,
  rejectUnknownKeys,
  toError,
  withoutUndefined,
} from '@gatewayworker/core';

/** TLS of the listener for clients. */
export interface TlsOptions {
  /** Certificate chain of the server, PEM. */
  readonly cert: string | Buffer;
  /** Private key of the certificate, PEM. */
  readonly key: string | Buffer;
  /** Passphrase of the key, if it is encrypted. */
  readonly passphrase?: string;
  /** Oldest accepted version. @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/**
 * Checks the `tls` option, and returns it without `undefined` values.
 *
 * @throws {GW_ERR_OPTION_INVALID} when the certificate or the key is invalid, or they do not match; the error shows
 * neither
 */
export function resolveTls(tls: TlsOptions): TlsOptions {
  assertOptionsObject('Gateway.tls', tls);
  rejectUnknownKeys('Gateway.tls', tls, ['cert', 'key', 'passphrase', 'minVersion']);
  for (const part of ['cert', 'key'] as const) {
    const value: unknown = tls[part];
    if (typeof value === 'string' || Buffer.isBuffer(value)) continue;
    throw new OptionError(`Gateway.tls.${part}`, typeof value, 'allowed: PEM text, or its bytes');
  }
  const passphrase: unknown = tls.passphrase;
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new OptionError('Gateway.tls.passphrase', typeof passphrase, 'allowed: a string');
  }
  const given = withoutUndefined(tls);
  try {
    createTlsContext(given);
  } catch (error) {
    const why = `allowed: a certificate and its key in PEM (${toError(error).message})`;
    throw new OptionError('Gateway.tls', 'hidden', why);
  }
  return given;
}

/** Creates the secure context that the TLS connections share. */
export function createTlsContext(tls: TlsOptions): SecureContext {
  return createSecureContext({ minVersion: 'TLSv1.2', ...tls });
}
