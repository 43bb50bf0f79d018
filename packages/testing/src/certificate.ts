import { generate } from 'selfsigned';

/** A certificate for loopback connections, signed by itself. */
export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** Makes a new certificate for `localhost` and 127.0.0.1. */
export async function makeCertificate(): Promise<Certificate> {
  const subjectAltName = {
    name: 'subjectAltName' as const,
    altNames: [
      { type: 2 as const, value: 'localhost' },
      { type: 7 as const, ip: '127.0.0.1' },
    ],
  };
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [subjectAltName],
  });
  return { cert, key };
}
