import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { paces } from '../../shared/limits.ts';
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
import { Pace } from '../pace.ts';
import type { ImSettings } from '../settings.ts';

/** How old the noted use of a device may be, in milliseconds. */
const noteAfterMs = 60 * 60 * 1000;

/** Tells who asks. */
export class Guard {
  readonly #messenger: Messenger;
  readonly #changes = new Pace({ burst: paces.changeBurst, perSecond: paces.changesPerSecond });

  /** Tokens whose cookies are to be renewed by the answers. */
  readonly #renewals = new WeakMap<FastifyRequest, string>();

  constructor(app: FastifyInstance, messenger: Messenger) {
    this.#messenger = messenger;
    app.addHook('onSend', async (request, reply) => {
      const token = this.#renewals.get(request);
      // An answer that ends the login, or begins another, has a cookie of its own.
      if (token === undefined || reply.hasHeader('set-cookie')) return;
      setTokenCookie(reply, token, messenger.settings);
    });
  }

  /**
   * Who asks for something.
   *
   * @throws {AppError} `not_logged_in`, `token_stale`
   */
  async read(request: FastifyRequest): Promise<Login> {
    const found = tokenOf(request);
    if (found === undefined) throw new AppError('not_logged_in', 'Please log in first.');
    const { db, devices } = this.#messenger;
    const login = await checkToken(db, found.token, Date.now());
    // A token is good for a time after its last use, which need not be known to the minute.
    if (Date.now() - login.lastUsedAt > noteAfterMs) {
      await devices.noteUse(login.deviceId);
      this.renewCookie(request);
    }
    return login;
  }

  /** Has a browser keep the cookie that it has sent for as long as the token is good from now on. */
  renewCookie(request: FastifyRequest): void {
    const found = tokenOf(request);
    if (found?.byCookie === true) this.#renewals.set(request, found.token);
  }

  /**
   * Who wants to change something.
   *
   * @throws {AppError} `not_logged_in`, `token_stale`, `too_fast`
   */
  async change(request: FastifyRequest): Promise<Login> {
    const login = await this.read(request);
    this.#changes.take(login.userId);
    return login;
  }
}

/** Has a browser keep a token, where no script can read it. */
export function setTokenCookie(
  reply: FastifyReply,
  token: string,
  { origin }: Pick<ImSettings, 'origin'>,
): void {
  const rules = { httpOnly: true, sameSite: 'strict', path: '/' } as const;
  const secure = origin.startsWith('https:');
  reply.setCookie(tokenCookie, token, { ...rules, secure, maxAge: tokenLifetimeMs / 1000 });
}

/** Tells whether a request carries a token, good or stale. */
export function hasToken(request: FastifyRequest): boolean {
  return tokenOf(request) !== undefined;
}

function tokenOf({ headers, cookies }: FastifyRequest): ReturnType<typeof findToken> {
  return findToken({ authorization: headers.authorization, cookie: cookies[tokenCookie] });
}

/**
 * Refuses changes that the page of another site has a browser ask for. Logging in counts as one: else a page could log
 * its visitor in to an account of its own.
 */
export function addOriginRule(app: FastifyInstance, origin: string): void {
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    // Whoever is no browser sends neither an origin nor a cookie.
    const isBrowser = request.headers.origin !== undefined || tokenOf(request)?.byCookie === true;
    if (isBrowser)
      refuseForeignOrigin(request.headers.origin, origin || (request.headers.host ?? ''));
  });
}
