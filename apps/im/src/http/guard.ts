import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { rateLimits } from '../../shared/limits.ts';
import {
  checkToken,
  findToken,
  type Login,
  refuseForeignOrigin,
  tokenCookie,
  tokenLifetimeMs,
} from '../accounts/token.ts';
import { AppError } from '../app-error.ts';
import type { Messenger } from '../messenger.ts';
import { RateLimiter } from '../rate-limiter.ts';
import type { ImSettings } from '../settings.ts';

/** Minimum time between two stored uses of a device, in milliseconds. */
const recordAfterMs = 60 * 60 * 1000;

/** Authenticates requests. */
export class Guard {
  readonly #messenger: Messenger;
  readonly #changes = new RateLimiter({
    burst: rateLimits.changeBurst,
    perSecond: rateLimits.changesPerSecond,
  });

  /** Tokens whose cookies the responses renew. */
  readonly #renewals = new WeakMap<FastifyRequest, string>();

  constructor(app: FastifyInstance, messenger: Messenger) {
    this.#messenger = messenger;
    app.addHook('onSend', async (request, reply) => {
      const token = this.#renewals.get(request);
      // A response to a login or logout sets its own cookie.
      if (token === undefined || reply.hasHeader('set-cookie')) return;
      setTokenCookie(reply, token, messenger.settings);
    });
  }

  /**
   * Authenticates a request that reads.
   *
   * @throws {AppError} `not_logged_in`, `token_stale`
   */
  async read(request: FastifyRequest): Promise<Login> {
    const found = tokenOf(request);
    if (found === undefined) throw new AppError('not_logged_in', 'Please log in first.');
    const { db, devices } = this.#messenger;
    const login = await checkToken(db, found.token, Date.now());
    // The lifetime of a token starts at its last use, which is stored once per hour.
    if (Date.now() - login.lastUsedAt > recordAfterMs) {
      await devices.recordUse(login.deviceId);
      this.renewCookie(request);
    }
    return login;
  }

  /** Extends the cookie of a browser to the new lifetime of its token. */
  renewCookie(request: FastifyRequest): void {
    const found = tokenOf(request);
    if (found?.byCookie === true) this.#renewals.set(request, found.token);
  }

  /**
   * Authenticates a request that changes something, and counts it.
   *
   * @throws {AppError} `not_logged_in`, `token_stale`, `too_fast`
   */
  async change(request: FastifyRequest): Promise<Login> {
    const login = await this.read(request);
    this.#changes.take(login.userId);
    return login;
  }
}

/** Sets the token as an HttpOnly cookie. */
export function setTokenCookie(
  reply: FastifyReply,
  token: string,
  { origin }: Pick<ImSettings, 'origin'>,
): void {
  const rules = { httpOnly: true, sameSite: 'strict', path: '/' } as const;
  const secure = origin.startsWith('https:');
  reply.setCookie(tokenCookie, token, { ...rules, secure, maxAge: tokenLifetimeMs / 1000 });
}

/** Returns true if a request has a token, valid or stale. */
export function hasToken(request: FastifyRequest): boolean {
  return tokenOf(request) !== undefined;
}

function tokenOf({ headers, cookies }: FastifyRequest): ReturnType<typeof findToken> {
  return findToken({ authorization: headers.authorization, cookie: cookies[tokenCookie] });
}

/**
 * Rejects changes that pages of other sites request. Includes the login: another site could log its visitor in to an
 * account of the attacker.
 */
export function addOriginRule(app: FastifyInstance, origin: string): void {
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    // Programs send neither an Origin header nor a cookie.
    const isBrowser = request.headers.origin !== undefined || tokenOf(request)?.byCookie === true;
    if (isBrowser)
      refuseForeignOrigin(request.headers.origin, origin || (request.headers.host ?? ''));
  });
}
