import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a token is valid, in milliseconds. */
export const tokenLifetimeMs = 60_000;

/** Result of the verification of a token. */
export type TokenVerdict =
  | 'valid'
  /** Not signed with the key, or not a token. */
  | 'forged'
  /** Issued for another client id. */
  | 'foreign'
  /** Too old, or issued before this process started to store used tokens. */
  | 'expired'
  | 'used'
  /** The store of used tokens is full. */
  | 'full';

/**
 * Issues the token that proves the possession of a client id. It is sent only over the websocket of that
 * client, so the sender of a valid token owns that websocket.
 *
 * | client id | `.` | expiry, in milliseconds since 1970 | `.` | nonce | `.` | HMAC-SHA256 of the preceding bytes |
 *
 * @param now - milliseconds since 1970
 */
export function issueClientToken(key: Buffer, clientId: string, now: number): string {
  const nonce = randomBytes(16).toString('base64url');
  const claims = `${clientId}.${now + tokenLifetimeMs}.${nonce}`;
  return `${claims}.${sign(key, claims).toString('base64url')}`;
}

/** Options of a verifier. */
export interface ClientTokenVerifierOptions {
  readonly key: Buffer;
  /** When the verifier started to store used tokens, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Maximum number of stored used tokens, each for its lifetime. @default 100_000 */
  readonly capacity?: number;
}

/** Verifies tokens, each for one use. */
export class ClientTokenVerifier {
  readonly #key: Buffer;
  readonly #startedAt: number;
  readonly #capacity: number;
  /** Expiry of each used token by its nonce, in the order of use. */
  readonly #used = new Map<string, number>();

  constructor({ key, startedAt, capacity = 100_000 }: ClientTokenVerifierOptions) {
    this.#key = key;
    this.#startedAt = startedAt;
    this.#capacity = capacity;
  }

  /** Verifies a token without using it. Does not throw, whatever the input. */
  check(token: string, clientId: string, now: number): TokenVerdict {
    const claims = parseSigned(this.#key, token);
    if (claims === undefined) return 'forged';
    if (claims.clientId !== clientId) return 'foreign';
    // Tokens issued before this process started may have been used at the previous process.
    const isTracked = claims.expiresAt - tokenLifetimeMs >= this.#startedAt;
    if (claims.expiresAt <= now || !isTracked) return 'expired';
    if (this.#used.has(claims.nonce)) return 'used';
    this.#sweep(now);
    return this.#used.size < this.#capacity ? 'valid' : 'full';
  }

  /** Marks a token as used. Call it in the same turn of the event loop as `check`. */
  markUsed(token: string): void {
    const claims = parseClaims(token);
    if (claims !== undefined) this.#used.set(claims.nonce, claims.expiresAt);
  }

  /** Removes expired tokens, which are rejected by their expiry. */
  #sweep(now: number): void {
    for (const [nonce, expiresAt] of this.#used) {
      if (expiresAt > now) return;
      this.#used.delete(nonce);
    }
  }
}

interface Claims {
  readonly clientId: string;
  readonly expiresAt: number;
  readonly nonce: string;
}

function parseSigned(key: Buffer, token: string): Claims | undefined {
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  const expected = sign(key, token.slice(0, Math.max(end, 0)));
  // The length is not secret; the content is compared in constant time.
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    return undefined;
  }
  return parseClaims(token);
}

function parseClaims(token: string): Claims | undefined {
  const [clientId = '', expiresAt = '', nonce = '', signature, ...rest] = token.split('.');
  if (signature === undefined || rest.length > 0) return undefined;
  return { clientId, expiresAt: Number(expiresAt), nonce };
}

function sign(key: Buffer, claims: string): Buffer {
  return createHmac('sha256', key).update(claims).digest();
}
