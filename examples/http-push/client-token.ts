import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a page has to show its token, in milliseconds. */
export const tokenLifetimeMs = 60_000;

/** What a token is worth to the page that shows it. */
export type TokenVerdict =
  | 'valid'
  /** Not signed with the key, or no token at all. */
  | 'forged'
  /** Made for another client id. */
  | 'foreign'
  /** Too old, or from before this process began to remember which tokens were used. */
  | 'expired'
  | 'used'
  /** So many tokens were used lately that no more can be remembered. */
  | 'crowded';

/**
 * Makes the token that proves whose a client id is. It goes over the websocket of that client and
 * nowhere else, so whoever shows it holds that websocket.
 *
 * | client id | `.` | end, in milliseconds since 1970 | `.` | nonce | `.` | HMAC-SHA256 of all before |
 *
 * @param now - milliseconds since 1970
 */
export function issueClientToken(key: Buffer, clientId: string, now: number): string {
  const nonce = randomBytes(16).toString('base64url');
  const claims = `${clientId}.${now + tokenLifetimeMs}.${nonce}`;
  return `${claims}.${sign(key, claims).toString('base64url')}`;
}

/** What a verifier needs. */
export interface ClientTokenVerifierOptions {
  readonly key: Buffer;
  /** When the verifier began to remember, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Most used tokens that are remembered, each for its lifetime. @default 100_000 */
  readonly capacity?: number;
}

/** Tells which tokens are worth something; each is worth it once. */
export class ClientTokenVerifier {
  readonly #key: Buffer;
  readonly #startedAt: number;
  readonly #capacity: number;
  /** End of each used token by its nonce, in the order of use. */
  readonly #used = new Map<string, number>();

  constructor({ key, startedAt, capacity = 100_000 }: ClientTokenVerifierOptions) {
    this.#key = key;
    this.#startedAt = startedAt;
    this.#capacity = capacity;
  }

  /** Checks a token without using it up; no input makes this throw. */
  check(token: string, clientId: string, now: number): TokenVerdict {
    const claims = parseSigned(this.#key, token);
    if (claims === undefined) return 'forged';
    if (claims.clientId !== clientId) return 'foreign';
    // A process that was started anew does not know what the one before it has accepted.
    const isRemembered = claims.expiresAt - tokenLifetimeMs >= this.#startedAt;
    if (claims.expiresAt <= now || !isRemembered) return 'expired';
    if (this.#used.has(claims.nonce)) return 'used';
    this.#forget(now);
    return this.#used.size < this.#capacity ? 'valid' : 'crowded';
  }

  /** Uses up a token that was checked in the same turn. */
  spend(token: string): void {
    const claims = parseClaims(token);
    if (claims !== undefined) this.#used.set(claims.nonce, claims.expiresAt);
  }

  /** Drops the oldest entries whose tokens have expired: those are refused anyway. */
  #forget(now: number): void {
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
  // How long a signature is, is no secret; what is in it must not show in the time this takes.
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
