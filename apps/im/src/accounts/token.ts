import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '../app-error.ts';
import type { Database } from '../database/schema.ts';

/** How long a token is good after its last use, in milliseconds. */
export const tokenLifetimeMs: number = 30 * 24 * 60 * 60 * 1000;

export const tokenCookie = 'im_token';

/** Who asks, and from which device. */
export interface Login {
  readonly userId: string;
  readonly deviceId: string;
}

/** Makes a token: 256 random bits in base64url. */
export function createToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What the database knows of a token: who reads the database cannot log in with it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Where a token may stand: headers in lower case, and cookies. */
export interface TokenSource {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/** The token of a request, and whether a browser sent it by itself. */
export function findToken({
  authorization,
  cookie,
}: TokenSource): { readonly token: string; readonly byCookie: boolean } | undefined {
  const bearer = /^Bearer ([\w-]{1,100})$/i.exec(authorization ?? '')?.[1];
  if (bearer !== undefined) return { token: bearer, byCookie: false };
  return cookie === undefined || cookie === '' ? undefined : { token: cookie, byCookie: true };
}

/** Who asks, and when their device was used before, in milliseconds since 1970. */
export interface CheckedLogin extends Login {
  readonly lastUsedAt: number;
}

/**
 * Tells whose a token is.
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
 * Refuses what the page of another site has a browser ask with this site's cookie. Another port of the same host
 * counts as another site here, though not for cookies.
 *
 * @param own - where the page is: an origin such as `https://im.example`, or a host with its port
 * @throws {AppError} `wrong_origin`
 */
export function refuseForeignOrigin(origin: string | undefined, own: string): void {
  const isOwn = origin !== undefined && URL.canParse(origin) && isSame(new URL(origin), own);
  if (!isOwn) throw new AppError('wrong_origin', 'Only the page of this messenger may do this.');
}

function isSame(origin: URL, own: string): boolean {
  if (own.includes('://')) return origin.origin === own;
  return URL.canParse(`http://${own}`) && origin.host === new URL(`http://${own}`).host;
}
