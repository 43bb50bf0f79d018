import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './http-error.ts';

/** Cookies are shared by all ports of a host, so the name differs from those of other examples. */
const cookieName = 'push_session';

const lifetimeSeconds = 12 * 60 * 60;

/** A login. It belongs to the app; the cluster knows only the uid. */
export interface LoginSession {
  readonly id: string;
  readonly uid: string;
  /** Start and end, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly expiresAt: number;
}

/** Options of `LoginSessions`. */
export interface LoginSessionsOptions {
  /** Whether browsers send the cookie over HTTPS only. */
  readonly secure: boolean;
  /** Maximum number of stored ended sessions, each for its lifetime. @default 100_000 */
  readonly capacity?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Login sessions in signed cookies. The process stores only the sessions that were ended before their expiry. */
export class LoginSessions {
  readonly #secure: boolean;
  readonly #capacity: number;
  readonly #now: () => number;
  /** When each ended session expires, by its id; the oldest logout first. */
  readonly #ended = new Map<string, number>();
  /** Sessions that started at this time or earlier are invalid. */
  #validAfter = 0;

  constructor({ secure, capacity = 100_000, now = Date.now }: LoginSessionsOptions) {
    this.#secure = secure;
    this.#capacity = capacity;
    this.#now = now;
  }

  /** Logs a user in, with a cookie that is HttpOnly and SameSite=Strict. */
  start(reply: FastifyReply, uid: string): void {
    const id = randomBytes(16).toString('base64url');
    const startedAt = this.#now();
    const expiresAt = startedAt + lifetimeSeconds * 1000;
    const session: LoginSession = { id, uid, startedAt, expiresAt };
    reply.setCookie(cookieName, JSON.stringify(session), {
      signed: true,
      httpOnly: true,
      sameSite: 'strict',
      secure: this.#secure,
      path: '/',
      maxAge: lifetimeSeconds,
    });
  }

  /** Logs a user out: the browser deletes the cookie, and copies of it become invalid. */
  end(reply: FastifyReply, { id, expiresAt }: LoginSession): void {
    reply.clearCookie(cookieName, { path: '/' });
    for (const [ended, until] of this.#ended) {
      if (until > this.#now()) break;
      this.#ended.delete(ended);
    }
    if (this.#ended.size >= this.#capacity) {
      // Removing one entry would make its cookie valid again, so all users must log in again instead.
      this.#ended.clear();
      this.#validAfter = this.#now();
    }
    this.#ended.set(id, expiresAt);
  }

  /** Returns the valid session of a request; undefined if there is none. */
  find(request: FastifyRequest): LoginSession | undefined {
    const cookie = request.cookies[cookieName];
    const { value } = cookie === undefined ? { value: null } : request.unsignCookie(cookie);
    if (value === null) return undefined;
    const session = parseSession(value);
    const { id, startedAt, expiresAt } = session;
    const isOver = expiresAt <= this.#now() || startedAt <= this.#validAfter;
    return isOver || this.#ended.has(id) ? undefined : session;
  }

  /**
   * Returns the valid session of a request.
   *
   * @throws {HttpError} 401 when there is none
   */
  require(request: FastifyRequest): LoginSession {
    const session = this.find(request);
    if (session !== undefined) return session;
    throw new HttpError('not_logged_in', 'Please log in first.');
  }
}

/** The value is not validated: its signature was verified, so `start` wrote it. */
function parseSession(value: string): LoginSession {
  return JSON.parse(value) as LoginSession;
}
