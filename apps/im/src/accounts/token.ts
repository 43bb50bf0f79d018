import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '../app-error.ts';
import type { Database } from '../database/schema.ts';

/** How long a token is valid after its last use, in milliseconds. */
export const tokenLifetimeMs: number = 30 * 24 * 60 * 60 * 1000;

export const tokenCookie = 'im_token';

/** The user and the device of a request. */
export interface Login {
  readonly userId: string;
  readonly deviceId: string;
}

/** Creates a token: 256 random bits in base64url. */
export function createToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The stored form of a token. A reader of the database cannot log in with it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The header and the cookie that may contain a token. */
export interface TokenSource {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/** Returns the token of a request, and whether it is from a cookie. */
export function findToken({
  authorization,
  cookie,
}: TokenSource): { readonly token: string; readonly byCookie: boolean } | undefined {
  const bearer = /^Bearer ([\w-]{1,100})$/i.exec(authorization ?? '')?.[1];
  if (bearer !== undefined) return { token: bearer, byCookie: false };
  return cookie === undefined || cookie === '' ? undefined : { token: cookie, byCookie: true };
}

/** A verified login, with the previous use of its device in milliseconds since 1970. */
export interface CheckedLogin extends Login {
  readonly lastUsedAt: number;
}

/**
 * Returns the login of a token.
 *
 * @throws {AppError} `token_stale` when it is unknown, has expired or was logged out
 */
export async function checkToken(db: Database, token: string, now: number): Promise<CheckedLogin> {
  const device = await db
    .selectFrom('devices')
    .select(['id', 'user_id', 'last_used_at'])
    .where('token_hash', '=', hashToken(token))
    .where('last_used_at', '>', now - tokenLifetimeMs)
    .executeTakeFirst();
  if (device === undefined) {
    throw new AppError('token_stale', 'You have been logged out. Please log in again.');
  }
  return { userId: device.user_id, deviceId: device.id, lastUsedAt: device.last_used_at };
}

/**
 * Rejects a request of a page of another origin, for which the browser sends the cookie of this site. Cookies do not
 * distinguish ports, so another port of the same host is rejected too.
 *
 * @param own - the origin of the page, such as `https://im.example`, or its host and port
 * @throws {AppError} `wrong_origin`
 */
export function refuseForeignOrigin(origin: string | undefined, own: string): void {
  const isOwn = origin !== undefined && URL.canParse(origin) && isSame(new URL(origin), own);
  if (!isOwn)
    throw new AppError('wrong_origin', 'Only pages of this messenger may send this request.');
}

function isSame(origin: URL, own: string): boolean {
  if (own.includes('://')) return origin.origin === own;
  return URL.canParse(`http://${own}`) && origin.host === new URL(`http://${own}`).host;
}
