import { createHmac, timingSafeEqual } from 'node:crypto';

const secret = process.env['LOGIN_SECRET'] ?? '';
if (secret.length < 32) {
  throw new RangeError(`LOGIN_SECRET has ${secret.length} characters; allowed: 32 or more`);
}

/**
 * Makes a token that proves a uid: `<uid in base64url>.<expiry>.<signature>`.
 *
 * @param expiresAt - milliseconds since 1970
 */
export function signToken(uid: string, expiresAt: number): string {
  const claim = `${Buffer.from(uid).toString('base64url')}.${expiresAt}`;
  return `${claim}.${sign(claim)}`;
}

/** Returns the uid of a token; undefined if the token is forged, damaged or expired. */
export function verifyToken(token: string, now: number = Date.now()): string | undefined {
  const [uid = '', expiresAt = '', signature = ''] = token.split('.');
  const given = Buffer.from(signature);
  const expected = Buffer.from(sign(`${uid}.${expiresAt}`));
  // timingSafeEqual throws if the lengths differ.
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return now < Number(expiresAt) ? Buffer.from(uid, 'base64url').toString() : undefined;
}

function sign(claim: string): string {
  return createHmac('sha256', secret).update(claim).digest('base64url');
}
