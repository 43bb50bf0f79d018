import type { ConfigBody, EmptyBody, MeBody } from '../../shared/http-api.ts';
import { Api, ApiError } from './api.ts';
import { toPause } from './backoff.ts';
import { Messenger } from './messenger.ts';
import { openWebSocket } from './open-web-socket.ts';

/** What the page is about right now. */
export type Session =
  | { readonly phase: 'starting' }
  /** The server cannot be reached; it is tried again. */
  | { readonly phase: 'unreachable' }
  /** Nobody is logged in; `notice` says why when somebody was. */
  | { readonly phase: 'welcome'; readonly notice: string | null }
  | { readonly phase: 'open'; readonly messenger: Messenger };

/** Tells the other tabs of this browser that somebody has logged in or out. */
const channelName = 'im-session';

/** Who is logged in, in all tabs of this browser. */
export class SessionKeeper {
  readonly api: Api = new Api();
  readonly #show: (session: Session) => void;
  readonly #notify: (text: string) => void;
  readonly #channel = new BroadcastChannel(channelName);
  #config: ConfigBody | undefined;
  #messenger: Messenger | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #isClosed = false;
  /** Whether somebody was logged in until it was asked again. */
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

  /** Somebody has logged in on this page. */
  enter(login: MeBody): void {
    this.#channel.postMessage('login');
    this.#open(login);
  }

  /** @throws {ApiError} when the server cannot be told */
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

  /** Asks who is logged in, until there is an answer. */
  #begin(): void {
    clearTimeout(this.#timer);
    this.#wasOpen ||= this.#messenger !== undefined;
    this.#messenger?.stop();
    this.#messenger = undefined;
    this.#ask().catch((error: unknown) => {
      if (this.#isClosed || (error instanceof ApiError && error.isLoggedOut)) return;
      this.#show({ phase: 'unreachable' });
      const pauseMs = toPause(this.#attempt, Math.random);
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#begin(), pauseMs);
    });
  }

  async #ask(): Promise<void> {
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

  /** The server says that nobody is logged in. A stale token was that of a page before this one, perhaps. */
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
