import type { FastifyInstance, FastifyRequest } from 'fastify';
import { paces } from '../../shared/limits.ts';
import {
  checkToken,
  findToken,
  type Login,
  refuseForeignOrigin,
  tokenCookie,
} from '../accounts/token.ts';
import { AppError } from '../app-error.ts';
import type { Messenger } from '../messenger.ts';
import { Pace } from '../pace.ts';

/** Tells who asks. */
export class Guard {
  readonly #messenger: Messenger;
  readonly #changes = new Pace({ burst: paces.changeBurst, perSecond: paces.changesPerSecond });

  constructor(messenger: Messenger) {
    this.#messenger = messenger;
  }

  /**
   * Who asks for something.
   *
   * @throws {AppError} `not_logged_in`, `token_stale`
   */
  async read(request: FastifyRequest): Promise<Login> {
    const found = tokenOf(request);
    if (found === undefined) throw new AppError('not_logged_in', 'Please log in first.');
    return await checkToken(this.#messenger.db, found.token, Date.now());
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
