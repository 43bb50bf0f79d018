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
import { Repeater } from './repeater.ts';
import { Syncer } from './syncer.ts';

/** What a messenger works with. */
export interface MessengerOptions {
  readonly api: Api;
  readonly login: MeBody;
  readonly openSocket: ConnectionOptions['open'];
  /** Keeps what is not sent while the page is loaded anew. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly random: () => number;
  /** The login is no longer good, or is somebody else's. */
  readonly onLoggedOut: () => void;
  /** Something that somebody should know and that has no place of its own. */
  readonly onNotice: (text: string) => void;
}

/** How many older messages are fetched at a time. */
const olderCount = 40;

/** The page says that somebody types, and forgets that others do, this often; in milliseconds. */
const typingMs = 2000;
const tickMs = 1000;

/** One person's messenger: keeps the state as the server has it, and carries out what the person does. */
export class Messenger {
  readonly store: Store<State, Action>;
  readonly api: Api;
  readonly outbox: Outbox;
  readonly #options: MessengerOptions;
  readonly #connection: Connection;
  readonly #marks: MarkSender;
  readonly #catchUp: CatchUp;
  readonly #syncer: Syncer;
  readonly #conversations: Repeater;
  readonly #relations: Repeater;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  #typedAt = 0;
  #isStopped = false;
  #noted: State['chats'] = new Map();

  constructor(options: MessengerOptions) {
    const { api, login, random } = options;
    this.#options = options;
    this.api = api;
    this.store = createStore(reduce, createState(login.me, login.deviceId));
    this.#connection = new Connection({
      ...{ open: options.openSocket, random },
      onState: (connection) => this.store.dispatch({ type: 'connection', connection }),
      onMessage: (message) => this.#hear(message),
      onLoggedOut: () => options.onLoggedOut(),
      onRefused: () => this.#checkLogin(),
      onFault: (reason) => options.onNotice(`The server has ended the connection: ${reason}`),
    });
    const say = this.#connection.say.bind(this.#connection);
    this.outbox = new Outbox({ api, say, store: this.store, storage: options.storage });
    this.#marks = new MarkSender({ say });
    this.#syncer = new Syncer(() => say({ type: 'sync' }));
    this.#catchUp = new CatchUp({
      ...{ api, store: this.store },
      onUnknown: () => this.refreshConversations(),
      onFailed: () => this.#syncer.soon(),
    });
    this.#conversations = new Repeater(() => this.#loadConversations());
    this.#relations = new Repeater(() => this.#loadRelations());
    this.store.subscribe(() => this.#noteDelivered());
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

  /** The page is looked at again, or the network is back. */
  wake(): void {
    this.#connection.retry();
    this.#syncer.soon();
  }

  /** The network has gone. */
  sleep(): void {
    this.#connection.lose();
  }

  /** Everything up to `seq` was seen on this page. */
  see(conversationId: Id, seq: number): void {
    const chat = this.store.get().chats.get(conversationId);
    if (chat === undefined || seq <= chat.conversation.readSeq) return;
    this.store.dispatch({ type: 'seen', conversationId, seq });
    this.#marks.note(conversationId, 'read', seq);
  }

  /** Something is typed. */
  type(conversationId: Id): void {
    const now = Date.now();
    if (now - this.#typedAt < typingMs) return;
    if (this.#connection.say({ type: 'typing', conversationId })) this.#typedAt = now;
  }

  /** Fetches a page of older messages, unless one is on its way or there are none. */
  async loadOlder(conversationId: Id): Promise<void> {
    const chat = this.store.get().chats.get(conversationId);
    if (chat === undefined || chat.older === 'loading' || !hasOlder(chat)) return;
    this.store.dispatch({ type: 'older-asked', conversationId });
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

  #hear(message: ServerMessage): void {
    this.store.dispatch({ type: 'heard', message, now: Date.now() });
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
        this.outbox.heard(message);
        if (message.type === 'refused') this.#refreshAfter(message.error);
        break;
      case 'heads':
        this.#reachAll(message.heads);
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
    // Another tab has logged in as somebody else.
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

  #reachAll(heads: Readonly<Record<Id, number>>): void {
    const { chats } = this.store.get();
    const isSame = Object.keys(heads).every((id) => chats.has(id));
    const isMissing = [...chats.keys()].some((id) => heads[id] === undefined);
    if (!isSame || isMissing) this.refreshConversations();
    for (const [id, seq] of Object.entries(heads)) this.#catchUp.reach(id, seq);
  }

  #change(what: Extract<ServerMessage, { type: 'changed' }>['what']): void {
    switch (what) {
      case 'friends':
        this.refreshRelations();
        // What can be sent to whom changes with it.
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

  /** What is shown was wrong. */
  #refreshAfter(code: string): void {
    const codes = ['blocked', 'you_blocked', 'not_friends', 'conversation_unknown'];
    if (codes.includes(code)) this.refreshConversations();
  }

  #loadMe(): void {
    const load = async () => {
      const { me } = await this.api.get<MeBody>('/api/me');
      if (!this.#isStopped) this.store.dispatch({ type: 'me', me });
    };
    // What it was stays; the next `ready` asks again.
    load().catch(() => undefined);
  }

  async #loadConversations(): Promise<void> {
    try {
      const { conversations, users } = await this.api.get<ConversationsBody>('/api/conversations');
      if (this.#isStopped) return;
      this.store.dispatch({ type: 'conversations', conversations, users });
      for (const { id, lastSeq } of conversations) this.#catchUp.reach(id, lastSeq);
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

  /** The websocket was refused: the API tells whether the login is why. */
  #checkLogin(): void {
    // Its answer is heard by `onLoggedOut` of the API.
    this.#loadMe();
  }

  #noteDelivered(): void {
    const { chats, me } = this.store.get();
    if (chats === this.#noted) return;
    this.#noted = chats;
    for (const [id, { conversation, history }] of chats) {
      const mine = conversation.members.find(({ userId }) => userId === me.id);
      const delivered = mine?.deliveredSeq ?? 0;
      if (delivered >= history.have) continue;
      const isNew = history.messages.some(
        ({ seq, senderId }) => seq > delivered && senderId !== me.id,
      );
      if (isNew) this.#marks.note(id, 'delivered', history.have);
    }
  }
}
