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

/** How old the noted use of a device may be, in milliseconds. */
const noteAfterMs = 60 * 60 * 1000;

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
    const { db, devices } = this.#messenger;
    const login = await checkToken(db, found.token, Date.now());
    // A token is good for a time after its last use, which need not be known to the minute.
    if (Date.now() - login.lastUsedAt > noteAfterMs) await devices.noteUse(login.deviceId);
    return login;
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
