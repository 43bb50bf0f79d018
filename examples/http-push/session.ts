import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './http-error.ts';

/** Cookies belong to a host whatever the port, hence a name that no other example has. */
const cookieName = 'push_session';

const lifetimeSeconds = 12 * 60 * 60;

/** Who is logged in: the app's own business, of which the cluster knows nothing but the uid. */
export interface LoginSession {
  readonly uid: string;
  /** End, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * Logs somebody in, with a signed cookie that scripts cannot read and other sites cannot use.
 *
 * @param secure - whether browsers may send it over https only
 */
export function startSession(reply: FastifyReply, uid: string, secure: boolean): void {
  const session: LoginSession = { uid, expiresAt: Date.now() + lifetimeSeconds * 1000 };
  const value = JSON.stringify(session);
  reply.setCookie(cookieName, value, {
    signed: true,
    httpOnly: true,
    sameSite: 'strict',
    secure,
    path: '/',
    maxAge: lifetimeSeconds,
  });
}

/** Logs somebody out. */
export function endSession(reply: FastifyReply): void {
  reply.clearCookie(cookieName, { path: '/' });
}

/** The session of a request; undefined when it has none that counts. */
export function findSession(request: FastifyRequest): LoginSession | undefined {
  const cookie = request.cookies[cookieName];
  const { value } = cookie === undefined ? { value: null } : request.unsignCookie(cookie);
  if (value === null) return undefined;
  const session = parseSession(value);
  return session.expiresAt > Date.now() ? session : undefined;
}

/**
 * The session of a request.
 *
 * @throws {HttpError} 401 when it has none
 */
export function requireSession(request: FastifyRequest): LoginSession {
  const session = findSession(request);
  if (session !== undefined) return session;
  throw new HttpError('not_logged_in', 'Please log in first.');
}

/** Nobody but this app can sign a value, so it has the form that `startSession` gave it. */
function parseSession(value: string): LoginSession {
  return JSON.parse(value) as LoginSession;
}
