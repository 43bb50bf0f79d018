import {
  type Context,
  type EventHandler,
  gateway,
  type HandshakeAnswer,
  type HandshakeCandidate,
  type WorkerInfo,
} from 'gatewayworker';
import { errorStatus } from '../shared/error-code.ts';
import { checkToken, findToken, refuseForeignOrigin, tokenCookie } from './accounts/token.ts';
import { AppError, toAppError } from './app-error.ts';
import { LiveSide, type Session } from './live/live-side.ts';
import { type Messenger, openMessenger } from './messenger.ts';
import { deviceGroup } from './push.ts';
import { resolveImSettings } from './settings.ts';

/** The live side: who gets a websocket, and what is said on it. */
export class Events implements EventHandler<Session> {
  #opened: { readonly messenger: Messenger; readonly live: LiveSide } | undefined;

  async onWorkerStart({ logger, signal }: WorkerInfo): Promise<void> {
    const settings = resolveImSettings(process.env);
    const messenger = await openMessenger({ settings, push: gateway, logger, signal });
    this.#opened = { messenger, live: new LiveSide(messenger, logger) };
  }

  async onHandshake(request: HandshakeCandidate): Promise<HandshakeAnswer<Session>> {
    try {
      const session = await this.#authenticate(request);
      return {
        accept: true,
        uid: session.userId,
        session,
        groups: [deviceGroup(session.deviceId)],
      };
    } catch (thrown) {
      const { code } = toAppError(thrown);
      return { accept: false, status: errorStatus[code], reason: code };
    }
  }

  async onConnect(_clientId: string, context: Context<Session>): Promise<void> {
    const { session } = context;
    if (session !== undefined) await this.#open.live.connect(context, session);
  }

  async onMessage(
    _clientId: string,
    data: string | Buffer,
    context: Context<Session>,
  ): Promise<void> {
    const { session } = context;
    if (session !== undefined) await this.#open.live.handle(data, context, session);
  }

  async onClose(clientId: string, { session }: Context<Session>): Promise<void> {
    this.#open.live.gone(clientId);
    if (session !== undefined) await this.#open.messenger.presence.went(session.userId);
  }

  async onWorkerStop(): Promise<void> {
    this.#opened?.live.stop();
    await this.#opened?.messenger.close();
  }

  get #open(): { readonly messenger: Messenger; readonly live: LiveSide } {
    if (this.#opened === undefined) throw new Error('the worker has not started');
    return this.#opened;
  }

  async #authenticate({ headers, cookies }: HandshakeCandidate): Promise<Session> {
    const { db, settings } = this.#open.messenger;
    const found = findToken({
      authorization: headers['authorization'],
      cookie: cookies[tokenCookie],
    });
    if (found === undefined) throw new AppError('not_logged_in', 'Please log in first.');
    // A browser sends its cookie along for every page that opens a websocket, whatever its site.
    if (found.byCookie) {
      const page = settings.origin || `${hostname(headers['host'])}:${settings.httpPort}`;
      refuseForeignOrigin(headers['origin'], page);
    }
    const { userId, deviceId } = await checkToken(db, found.token, Date.now());
    return { userId, deviceId };
  }
}

/** The name in a Host header, without the port. */
function hostname(host = ''): string {
  return host.replace(/:\d+$/, '');
}
