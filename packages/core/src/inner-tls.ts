import {
  type ConnectionOptions,
  createSecureContext,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { OptionError, toError } from './errors.ts';
import { assertOptionsObject, rejectUnknownKeys, withoutUndefined } from './options.ts';

/** TLS of inner links. Who accepts links needs `cert` and `key`; who dials needs them when it is to prove itself too. */
export interface InnerTlsOptions {
  /** Certificate of this process and those between it and a root, PEM. */
  readonly cert?: string | Buffer;
  /** Private key of the certificate, PEM. */
  readonly key?: string | Buffer;
  /**
   * Certificates that peers must be signed by, PEM. With it links are mutual: who dials must show a
   * certificate as well. Without it who dials trusts what Node.js trusts.
   */
  readonly ca?: string | Buffer;
  /** Name that the certificates of those who accept must carry, when it is not the host that is dialed. */
  readonly servername?: string;
}

const parts = ['cert', 'key', 'ca', 'servername'] as const;

/** Said here, because what Node.js assumes can be changed for a whole process, by a flag or a variable. */
const strict = { minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;

/** Time that a peer has for its TLS handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/** What a server of `node:tls` is told for inner links: with authorities it asks who dials for a certificate. */
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

/** What a connection of `node:tls` is told for inner links: who accepts must prove to be who was dialed. */
export function dialerTls(tls: InnerTlsOptions): ConnectionOptions {
  return { ...tls, ...strict };
}

/** Says why a TLS handshake failed: without the places in OpenSSL, and with what is wrong with a certificate. */
export function describeTlsError(error: Error, socket: TLSSocket): string {
  // A certificate that is refused only ends the connection.
  const { authorizationError } = socket;
  const reason = authorizationError ?? Reflect.get(error, 'reason') ?? error.message;
  return `TLS: ${String(reason)}`;
}

/**
 * Checks the `innerTls` option, and answers it without the parts that are `undefined`.
 *
 * @param owner - such as `Gateway`, for the error
 * @param accepts - whether the process accepts links, for which it needs a certificate
 * @throws {GW_ERR_OPTION_INVALID} when a part is missing or is not PEM, or the key is that of another
 * certificate; the error shows none of them
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
