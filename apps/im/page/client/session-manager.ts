import type { ConfigBody, EmptyBody, MeBody } from '../../shared/http-api.ts';
import { Api, ApiError } from './api.ts';
import { toRetryDelay } from './backoff.ts';
import { Messenger } from './messenger.ts';
import { openWebSocket } from './open-web-socket.ts';

/** State of the page. */
export type Session =
  | { readonly phase: 'starting' }
  /** The server cannot be reached; the request is repeated. */
  | { readonly phase: 'unreachable' }
  /** The user is not logged in; `notice` is the reason if the login has ended. */
  | { readonly phase: 'welcome'; readonly notice: string | null }
  | { readonly phase: 'open'; readonly messenger: Messenger };

/** Channel that notifies the other tabs of this browser of logins and logouts. */
const channelName = 'im-session';

/** Manages the login of this browser, which all its tabs share. */
export class SessionManager {
  readonly api: Api = new Api();
  readonly #show: (session: Session) => void;
  readonly #notify: (text: string) => void;
  readonly #channel = new BroadcastChannel(channelName);
  #config: ConfigBody | undefined;
  #messenger: Messenger | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #isClosed = false;
  /** True if a user was logged in before the current request. */
  #wasOpen = false;

  constructor(show: (session: Session) => void, notify: (text: string) => void) {
    this.#show = show;
    this.#notify = notify;
    this.#channel.onmessage = () => this.#begin();
    this.api.onLoggedOut = (isStale) => this.#end(isStale);
  }

  start(): void {
    addEventListener('online', this.#wake);
    addEventListener('offline', this.#sleep);
    document.addEventListener('visibilitychange', this.#wake);
    this.#begin();
  }

  stop(): void {
    this.#isClosed = true;
    removeEventListener('online', this.#wake);
    removeEventListener('offline', this.#sleep);
    document.removeEventListener('visibilitychange', this.#wake);
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#messenger?.stop();
  }

  /** The user has logged in on this page. */
  logIn(login: MeBody): void {
    this.#channel.postMessage('login');
    this.#open(login);
  }

  /** @throws {ApiError} when the request fails */
  async logOut(everywhere: boolean): Promise<void> {
    const messenger = this.#messenger;
    await this.api.post<EmptyBody>(everywhere ? '/api/logout-everywhere' : '/api/logout');
    messenger?.outbox.forget();
    this.#channel.postMessage('logout');
    this.#close(null);
  }

  readonly #wake = (): void => {
    if (document.visibilityState === 'visible') this.#messenger?.wake();
  };

  readonly #sleep = (): void => {
    this.#messenger?.sleep();
  };

  /** Requests the login from the server, until there is a response. */
  #begin(): void {
    clearTimeout(this.#timer);
    this.#wasOpen ||= this.#messenger !== undefined;
    this.#messenger?.stop();
    this.#messenger = undefined;
    this.#load().catch((error: unknown) => {
      if (this.#isClosed || (error instanceof ApiError && error.isLoggedOut)) return;
      this.#show({ phase: 'unreachable' });
      const pauseMs = toRetryDelay(this.#attempt, Math.random);
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#begin(), pauseMs);
    });
  }

  async #load(): Promise<void> {
    const config = await this.api.get<ConfigBody>('/api/config');
    this.#config = config;
    if (!config.hasLogin) {
      this.#attempt = 0;
      this.#end(false);
      return;
    }
    const login = await this.api.get<MeBody>('/api/me');
    this.#attempt = 0;
    if (!this.#isClosed) this.#open(login);
  }

  #open(login: MeBody): void {
    const config = this.#config;
    if (config === undefined) return;
    this.#messenger?.stop();
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.hostname}:${config.socketPort}/`;
    const messenger = new Messenger({
      ...{ api: this.api, login, storage: sessionStorage, random: Math.random },
      openSocket: (listener) => openWebSocket(url, listener),
      onLoggedOut: () => this.#begin(),
      onNotice: this.#notify,
    });
    this.#messenger = messenger;
    this.#wasOpen = false;
    messenger.start();
    this.#show({ phase: 'open', messenger });
  }

  /** The server says that the user is not logged in. A stale token may be from an earlier page. */
  #end(isStale: boolean): void {
    if (this.#isClosed) return;
    const wasOpen = isStale || this.#wasOpen || this.#messenger !== undefined;
    this.#close(wasOpen ? 'You were logged out. Please log in again.' : null);
  }

  #close(notice: string | null): void {
    this.#messenger?.stop();
    this.#messenger = undefined;
    this.#wasOpen = false;
    this.#show({ phase: 'welcome', notice });
  }
}
