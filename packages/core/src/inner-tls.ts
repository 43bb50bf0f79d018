import {
  type ConnectionOptions,
  createSecureContext,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { OptionError, toError } from './errors.ts';
import { assertOptionsObject, rejectUnknownKeys, withoutUndefined } from './options.ts';

/** TLS of inner links. A process that accepts links needs `cert` and `key`; a dialer needs them for mutual TLS. */
export interface InnerTlsOptions {
  /** Certificate of this process, followed by the intermediate certificates, PEM. */
  readonly cert?: string | Buffer;
  /** Private key of the certificate, PEM. */
  readonly key?: string | Buffer;
  /**
   * Certificates of the authorities that must have signed the certificate of a peer, PEM. With it TLS is mutual: the
   * dialer must present a certificate too. Without it a dialer trusts the authorities that Node.js trusts.
   */
  readonly ca?: string | Buffer;
  /** Name that the certificate of an acceptor must contain. @default the host that is dialed */
  readonly servername?: string;
}

const parts = ['cert', 'key', 'ca', 'servername'] as const;

/** Set explicitly, because flags and environment variables can change the defaults of Node.js for a whole process. */
const strict = { minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;

/** Time that a peer has for its TLS handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/** Options of a `node:tls` server for inner links. With `ca` it requests a certificate from the dialer. */
export function acceptorTls(tls: InnerTlsOptions): TlsOptions {
  const isMutual = tls.ca !== undefined;
  return {
    ...tls,
    ...strict,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
  };
}

/** Options of a `node:tls` connection for inner links. The certificate of the acceptor is always verified. */
export function dialerTls(tls: InnerTlsOptions): ConnectionOptions {
  return { ...tls, ...strict };
}

/** Describes why a TLS handshake failed, without the source locations that OpenSSL adds. */
export function describeTlsError(error: Error, socket: TLSSocket): string {
  // A refused certificate has its reason here: the error only says that the connection ended.
  const { authorizationError } = socket;
  const reason = authorizationError ?? Reflect.get(error, 'reason') ?? error.message;
  return `TLS: ${String(reason)}`;
}

/**
 * Checks the `innerTls` option, and returns it without fields that are `undefined`.
 *
 * @param owner - such as `Gateway`, for the error
 * @param accepts - true for a process that accepts links, which needs a certificate
 * @throws {GW_ERR_OPTION_INVALID} when a field is missing or is not PEM, or the key does not match the certificate;
 * the error contains no value of the option
 */
export function resolveInnerTls(
  owner: string,
  tls: InnerTlsOptions | undefined,
  accepts: boolean,
): InnerTlsOptions | undefined {
  if (tls === undefined) return undefined;
  const option = `${owner}.innerTls`;
  assertOptionsObject(option, tls);
  rejectUnknownKeys(option, tls, parts);
  for (const part of parts) assertPart(`${option}.${part}`, tls[part]);
  const isMissing = accepts && (tls.cert === undefined || tls.key === undefined);
  if (isMissing || (tls.cert === undefined) !== (tls.key === undefined)) {
    const which = accepts ? 'cert and key' : 'cert and key, or neither';
    throw new OptionError(option, 'hidden', `allowed: ${which}`);
  }
  try {
    createSecureContext(tls);
  } catch (error) {
    const why = `allowed: a certificate, its key and authorities in PEM (${toError(error).message})`;
    throw new OptionError(option, 'hidden', why);
  }
  return withoutUndefined(tls);
}

function assertPart(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'string' || Buffer.isBuffer(value)) return;
  throw new OptionError(option, typeof value, 'allowed: PEM text, or its bytes');
}
