import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './http-error.ts';

/** Cookies belong to a host whatever the port, hence a name that no other example has. */
const cookieName = 'push_session';

const lifetimeSeconds = 12 * 60 * 60;

/** Who is logged in: the app's own business, of which the cluster knows nothing but the uid. */
export interface LoginSession {
  readonly id: string;
  readonly uid: string;
  /** Start and end, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly expiresAt: number;
}

/** What `LoginSessions` depends on. */
export interface LoginSessionsOptions {
  /** Whether browsers may send the cookie over https only. */
  readonly secure: boolean;
  /** Most ended sessions that are remembered, each for its lifetime. @default 100_000 */
  readonly capacity?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Login sessions in signed cookies. The process remembers only those that ended before their time. */
export class LoginSessions {
  readonly #secure: boolean;
  readonly #capacity: number;
  readonly #now: () => number;
  /** When each ended session expires, by its id; the oldest logout first. */
  readonly #ended = new Map<string, number>();
  /** Sessions that started at this time or earlier do not count. */
  #validAfter = 0;

  constructor({ secure, capacity = 100_000, now = Date.now }: LoginSessionsOptions) {
    this.#secure = secure;
    this.#capacity = capacity;
    this.#now = now;
  }

  /** Logs a user in, with a cookie that scripts cannot read and other sites cannot use. */
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

  /** Logs a user out: the browser drops the cookie, and a copy of it is worth nothing. */
  end(reply: FastifyReply, { id, expiresAt }: LoginSession): void {
    reply.clearCookie(cookieName, { path: '/' });
    for (const [ended, until] of this.#ended) {
      if (until > this.#now()) break;
      this.#ended.delete(ended);
    }
    if (this.#ended.size >= this.#capacity) {
      // Forgetting one would make its cookie valid again; a new login is the smaller harm.
      this.#ended.clear();
      this.#validAfter = this.#now();
    }
    this.#ended.set(id, expiresAt);
  }

  /** The session of a request; undefined when it has none that counts. */
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
   * The session of a request.
   *
   * @throws {HttpError} 401 when it has none
   */
  require(request: FastifyRequest): LoginSession {
    const session = this.find(request);
    if (session !== undefined) return session;
    throw new HttpError('not_logged_in', 'Please log in first.');
  }
}

/** Only this app can sign a value, so it has the form that `start` gave it. */
function parseSession(value: string): LoginSession {
  return JSON.parse(value) as LoginSession;
}
