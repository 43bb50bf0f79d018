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
import { LiveConnections, type Session } from './live/live-connections.ts';
import { type Messenger, openMessenger } from './messenger.ts';
import { deviceGroup } from './push.ts';
import { resolveImSettings } from './settings.ts';

/** Handles the websockets: authenticates them in the handshake, and passes their messages on. */
export class Events implements EventHandler<Session> {
  #opened: { readonly messenger: Messenger; readonly live: LiveConnections } | undefined;

  async onWorkerStart({ logger, signal }: WorkerInfo): Promise<void> {
    const settings = resolveImSettings(process.env);
    const messenger = await openMessenger({ settings, push: gateway, logger, signal });
    this.#opened = { messenger, live: new LiveConnections(messenger, logger) };
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
    if (session !== undefined) await this.#open.live.connected(context, session);
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
    this.#open.live.disconnected(clientId);
    if (session !== undefined) await this.#open.messenger.presence.disconnected(session.userId);
  }

  async onWorkerStop(): Promise<void> {
    this.#opened?.live.stop();
    await this.#opened?.messenger.close();
  }

  get #open(): { readonly messenger: Messenger; readonly live: LiveConnections } {
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
    // A browser sends the cookie for a websocket of any page, also of another site.
    if (found.byCookie) {
      const page = settings.origin || `${hostname(headers['host'])}:${settings.httpPort}`;
      refuseForeignOrigin(headers['origin'], page);
    }
    const { userId, deviceId } = await checkToken(db, found.token, Date.now());
    return { userId, deviceId };
  }
}

/** The host name of a Host header, without the port. */
function hostname(host = ''): string {
  return host.replace(/:\d+$/, '');
}
