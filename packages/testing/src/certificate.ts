import { generate } from 'selfsigned';

/** A self-signed certificate for loopback connections. */
export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/**
 * Creates a certificate.
 *
 * @param name - subject and DNS name; by default `localhost` and 127.0.0.1
 */
export async function makeCertificate(name?: string): Promise<Certificate> {
  const value = name ?? 'localhost';
  const addresses = name === undefined ? [{ type: 7 as const, ip: '127.0.0.1' }] : [];
  const subjectAltName = {
    name: 'subjectAltName' as const,
    altNames: [{ type: 2 as const, value }, ...addresses],
  };
  const { cert, private: key } = await generate([{ name: 'commonName', value }], {
    extensions: [subjectAltName],
  });
  return { cert, key };
}
