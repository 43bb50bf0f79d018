import type {
  ConversationsBody,
  DevicesBody,
  MeBody,
  MessagesBody,
} from '../../shared/http-api.ts';
import type { Id, Relations } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import type { Action } from '../store/action.ts';
import { reduce } from '../store/reduce.ts';
import { hasOlder } from '../store/select.ts';
import { createState, type State } from '../store/state.ts';
import { createStore, type Store } from '../store/store.ts';
import { type Api, ApiError } from './api.ts';
import { CatchUp } from './catch-up.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { MarkSender } from './mark-sender.ts';
import { Outbox } from './outbox.ts';
import { SerialTask } from './serial-task.ts';
import { Syncer } from './syncer.ts';

/** Dependencies of a messenger. */
export interface MessengerOptions {
  readonly api: Api;
  readonly login: MeBody;
  readonly openSocket: ConnectionOptions['open'];
  /** Keeps unsent messages over a reload of the page. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly random: () => number;
  /** The login has ended, or belongs to another user. */
  readonly onLoggedOut: () => void;
  /** A message for the user that belongs to no part of the page. */
  readonly onNotice: (text: string) => void;
}

/** Number of older messages per request. */
const olderCount = 40;

/** Minimum interval of `typing`, and the interval at which typing of others expires, in milliseconds. */
const typingMs = 2000;
const tickMs = 1000;

/** The messenger of a user: synchronizes the state with the server, and executes the actions of the user. */
export class Messenger {
  readonly store: Store<State, Action>;
  readonly api: Api;
  readonly outbox: Outbox;
  readonly #options: MessengerOptions;
  readonly #connection: Connection;
  readonly #marks: MarkSender;
  readonly #catchUp: CatchUp;
  readonly #syncer: Syncer;
  readonly #conversations: SerialTask;
  readonly #relations: SerialTask;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  #typedAt = 0;
  #isStopped = false;
  #marked: State['chats'] = new Map();

  constructor(options: MessengerOptions) {
    const { api, login, random } = options;
    this.#options = options;
    this.api = api;
    this.store = createStore(reduce, createState(login.me, login.deviceId));
    this.#connection = new Connection({
      ...{ open: options.openSocket, random },
      onState: (connection) => this.store.dispatch({ type: 'connection', connection }),
      onMessage: (message) => this.#handle(message),
      onLoggedOut: () => options.onLoggedOut(),
      onRefused: () => this.#checkLogin(),
      onFault: (reason) => options.onNotice(`The server has closed the connection: ${reason}`),
    });
    const transmit = this.#connection.transmit.bind(this.#connection);
    this.outbox = new Outbox({ api, transmit, store: this.store, storage: options.storage });
    this.#marks = new MarkSender({ transmit });
    this.#syncer = new Syncer(() => transmit({ type: 'sync' }));
    this.#catchUp = new CatchUp({
      ...{ api, store: this.store },
      onUnknown: () => this.refreshConversations(),
      onFailed: () => this.#syncer.soon(),
    });
    this.#conversations = new SerialTask(() => this.#loadConversations());
    this.#relations = new SerialTask(() => this.#loadRelations());
    this.store.subscribe(() => this.#sendDelivered());
  }

  start(): void {
    this.outbox.restore();
    this.refreshConversations();
    this.refreshRelations();
    this.#connection.start();
    this.#tickTimer = setInterval(() => this.#tick(), tickMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#tickTimer);
    this.#connection.stop();
    this.outbox.stop();
    this.#marks.stop();
    this.#syncer.stop();
    this.#catchUp.stop();
  }

  refreshConversations(): void {
    this.#conversations.run();
  }

  refreshRelations(): void {
    this.#relations.run();
  }

  async refreshDevices(): Promise<void> {
    const { devices } = await this.api.get<DevicesBody>('/api/devices');
    this.store.dispatch({ type: 'devices', devices });
  }

  /** The page is visible again, or the network is back. */
  wake(): void {
    this.#connection.retry();
    this.#syncer.soon();
  }

  /** The network is gone. */
  sleep(): void {
    this.#connection.lose();
  }

  /** The user has seen all messages up to `seq`. */
  markRead(conversationId: Id, seq: number): void {
    const chat = this.store.get().chats.get(conversationId);
    if (chat === undefined || seq <= chat.conversation.readSeq) return;
    this.store.dispatch({ type: 'seen', conversationId, seq });
    this.#marks.mark(conversationId, 'read', seq);
  }

  /** The user is typing. */
  notifyTyping(conversationId: Id): void {
    const now = Date.now();
    if (now - this.#typedAt < typingMs) return;
    if (this.#connection.transmit({ type: 'typing', conversationId })) this.#typedAt = now;
  }

  /** Fetches a page of older messages, unless one is being fetched or there are none. */
  async loadOlder(conversationId: Id): Promise<void> {
    const chat = this.store.get().chats.get(conversationId);
    if (chat === undefined || chat.older === 'loading' || !hasOlder(chat)) return;
    this.store.dispatch({ type: 'older-requested', conversationId });
    const before = chat.history.messages[0]?.seq ?? chat.history.have + 1;
    const path = `/api/conversations/${conversationId}/messages`;
    try {
      const query = `?before=${before}&limit=${olderCount}`;
      const { messages, users } = await this.api.get<MessagesBody>(path + query);
      this.store.dispatch({ type: 'older', conversationId, messages, users });
    } catch (error) {
      this.store.dispatch({ type: 'older-failed', conversationId });
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #tick(): void {
    if (this.store.get().typing.size > 0) this.store.dispatch({ type: 'tick', now: Date.now() });
  }

  #handle(message: ServerMessage): void {
    this.store.dispatch({ type: 'server-message', message, now: Date.now() });
    switch (message.type) {
      case 'ready':
        this.#beReady(message.userId);
        break;
      case 'message':
        this.#catchUp.watchGap(message.message.conversationId);
        if (!this.store.get().chats.has(message.message.conversationId)) {
          this.refreshConversations();
        }
        break;
      case 'sent':
      case 'refused':
        this.outbox.handleAnswer(message);
        if (message.type === 'refused') this.#refreshAfter(message.error);
        break;
      case 'heads':
        this.#setHeads(message.heads);
        break;
      case 'changed':
        this.#change(message.what);
        break;
      default:
        // The state has all of it.
        break;
    }
  }

  #beReady(userId: Id): void {
    // Another tab has logged in another user.
    if (userId !== this.store.get().me.id) {
      this.#options.onLoggedOut();
      return;
    }
    this.#syncer.restart();
    this.outbox.restart();
    this.#marks.restart();
    this.refreshConversations();
    this.refreshRelations();
    this.#loadMe();
  }

  #setHeads(heads: Readonly<Record<Id, number>>): void {
    const { chats } = this.store.get();
    const isSame = Object.keys(heads).every((id) => chats.has(id));
    const isMissing = [...chats.keys()].some((id) => heads[id] === undefined);
    if (!isSame || isMissing) this.refreshConversations();
    for (const [id, seq] of Object.entries(heads)) this.#catchUp.setHead(id, seq);
  }

  #change(what: Extract<ServerMessage, { type: 'changed' }>['what']): void {
    switch (what) {
      case 'friends':
        this.refreshRelations();
        // Barriers of conversations depend on friendships.
        this.refreshConversations();
        break;
      case 'conversations':
        this.refreshConversations();
        break;
      case 'devices':
        if (this.store.get().devices !== null) this.refreshDevices().catch(() => undefined);
        break;
      case 'me':
        this.#loadMe();
        break;
    }
  }

  /** These errors show that the displayed conversations are outdated. */
  #refreshAfter(code: string): void {
    const codes = ['blocked', 'you_blocked', 'not_friends', 'conversation_unknown'];
    if (codes.includes(code)) this.refreshConversations();
  }

  #loadMe(): void {
    const load = async () => {
      const { me } = await this.api.get<MeBody>('/api/me');
      if (!this.#isStopped) this.store.dispatch({ type: 'me', me });
    };
    // On an error the old value stays; the next `ready` loads it again.
    load().catch(() => undefined);
  }

  async #loadConversations(): Promise<void> {
    try {
      const { conversations, users } = await this.api.get<ConversationsBody>('/api/conversations');
      if (this.#isStopped) return;
      this.store.dispatch({ type: 'conversations', conversations, users });
      for (const { id, lastSeq } of conversations) this.#catchUp.setHead(id, lastSeq);
    } catch {
      this.#tryAgain(() => this.refreshConversations());
    }
  }

  async #loadRelations(): Promise<void> {
    try {
      const relations = await this.api.get<Relations>('/api/friends');
      if (!this.#isStopped) this.store.dispatch({ type: 'relations', relations });
    } catch {
      this.#tryAgain(() => this.refreshRelations());
    }
  }

  #tryAgain(refresh: () => void): void {
    if (this.#isStopped) return;
    setTimeout(
      () => {
        if (!this.#isStopped) refresh();
      },
      2000 + this.#options.random() * 2000,
    );
  }

  /** The websocket was refused. The HTTP API shows whether the login is the reason. */
  #checkLogin(): void {
    // `onLoggedOut` of the API handles the response.
    this.#loadMe();
  }

  #sendDelivered(): void {
    const { chats, me } = this.store.get();
    if (chats === this.#marked) return;
    this.#marked = chats;
    for (const [id, { conversation, history }] of chats) {
      const mine = conversation.members.find(({ userId }) => userId === me.id);
      const delivered = mine?.deliveredSeq ?? 0;
      if (delivered >= history.have) continue;
      const isNew = history.messages.some(
        ({ seq, senderId }) => seq > delivered && senderId !== me.id,
      );
      if (isNew) this.#marks.mark(id, 'delivered', history.have);
    }
  }
}
