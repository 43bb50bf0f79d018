import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { isRetryable } from '../../shared/error-code.ts';
import type {
  ConfigBody,
  ConversationsBody,
  LoginBody,
  MessagesBody,
  SendContent,
} from '../../shared/http-api.ts';
import type { Id, Me, Message } from '../../shared/model.ts';
import {
  type ClientMessage,
  type ServerMessage,
  socketClose,
} from '../../shared/socket-message.ts';
import { ConversationLog } from './conversation-log.ts';
import { HttpClient, RequestError } from './http-client.ts';

/** Time that a gap has to close by itself, and that an answer has before the message is sent again, in milliseconds. */
const gapMs = 500;
const answerMs = 10_000;

/** What a dying process has stored but not delivered is found after this time at the latest, in milliseconds. */
const syncMs = 60_000;

/** What a client tells of itself; all of it may be left out. */
export interface MessengerClientEvents {
  /** The next message of a conversation: in order, each once. */
  onMessage?(message: Message): void;
  /** Whatever the server says, as it comes. */
  onServerMessage?(message: ServerMessage): void;
  /** A message came that is there already, or before one that is missing. */
  onDisorder?(kind: 'repeated' | 'early', message: Message): void;
}

/** The message was refused for good. */
export type Refused = Extract<ServerMessage, { type: 'refused' }>;
export type Sent = Extract<ServerMessage, { type: 'sent' }>;

interface Outgoing {
  readonly message: Extract<ClientMessage, { type: 'send' }>;
  readonly resolve: (answer: Sent | Refused) => void;
  sentAt: number;
}

/** A client of the messenger that keeps to PROTOCOL.md: it comes back by itself, catches up, and sends again. */
export class MessengerClient {
  readonly me: Me;
  readonly deviceId: Id;
  readonly token: string;
  readonly http: HttpClient;
  readonly #socketUrl: string;
  readonly #events: MessengerClientEvents;
  readonly #logs = new Map<Id, ConversationLog>();
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #fetching = new Set<Id>();
  #socket: WebSocket | undefined;
  #isReady = false;
  #isClosed = false;
  #timers: NodeJS.Timeout[] = [];
  #first: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #attempts = 0;

  private constructor(
    { http, socketUrl, events }: Surroundings,
    { me, deviceId, token = '' }: LoginBody,
  ) {
    this.me = me;
    this.deviceId = deviceId;
    this.token = token;
    this.http = http;
    this.#socketUrl = socketUrl;
    this.#events = events;
  }

  /** Logs in, with an account that is made when there is none, and does not connect yet. */
  static async enter(
    address: string,
    { name, password }: { readonly name: string; readonly password: string },
    events: MessengerClientEvents = {},
  ): Promise<MessengerClient> {
    const nobody = new HttpClient(address);
    const login = await nobody
      .post<LoginBody>('/api/register', { name, password })
      .catch((error: unknown) => {
        if (!(error instanceof RequestError && error.code === 'name_taken')) throw error;
        return nobody.post<LoginBody>('/api/login', { login: name, password });
      });
    const { socketPort } = await nobody.get<ConfigBody>('/api/config');
    const socketUrl = `ws://${new URL(address).hostname}:${socketPort}/`;
    const http = new HttpClient(address, login.token);
    return new MessengerClient({ http, socketUrl, events }, login);
  }

  /** Whether the connection is open and the server has said `ready`. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Messages that wait for an answer. */
  get unanswered(): number {
    return this.#outgoing.size;
  }

  /**
   * Opens the websocket, and again whenever it ends; resolves when the server is ready for the first time.
   *
   * @throws when the token is not good any more
   */
  async connect(): Promise<void> {
    const { conversations } = await this.http.get<ConversationsBody>('/api/conversations');
    for (const { id, lastSeq } of conversations) {
      if (!this.#logs.has(id)) this.#logs.set(id, new ConversationLog(lastSeq));
    }
    this.#timers = [
      setInterval(() => this.#sendAgain(), 1000),
      setInterval(() => this.say({ type: 'sync' }), syncMs),
    ];
    await new Promise<void>((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#open();
    });
  }

  /** Everything of a conversation up to this `seq` has come. */
  have(conversationId: Id): number {
    return this.#logs.get(conversationId)?.have ?? 0;
  }

  /** Begins a conversation at its first message, whatever is there: `connect` begins at the newest one. */
  follow(conversationId: Id, have = 0): void {
    this.#logs.set(conversationId, new ConversationLog(have));
  }

  /** Sends a message, again and again until it is answered. */
  async send(
    conversationId: Id,
    content: SendContent,
    clientId: string = randomUUID(),
  ): Promise<Sent | Refused> {
    const message = { type: 'send', clientId, conversationId, content } as const;
    return await new Promise((resolve) => {
      const outgoing = { message, resolve, sentAt: performance.now() };
      this.#outgoing.set(clientId, outgoing);
      if (this.#isReady) this.say(message);
    });
  }

  /** Says something, if there is a connection. */
  say(message: ClientMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Drops the connection without a goodbye, as a phone that loses its network; it comes back unless told not to. */
  drop(): void {
    this.#socket?.terminate();
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isReady = false;
    for (const timer of this.#timers) clearInterval(timer);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise((resolve) => {
      socket.once('close', resolve);
      if (socket.readyState === WebSocket.OPEN) socket.close();
      else socket.terminate();
    });
  }

  #open(): void {
    if (this.#isClosed) return;
    const socket = new WebSocket(this.#socketUrl, {
      headers: { Authorization: `Bearer ${this.token}` },
    });
    this.#socket = socket;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage;
      this.#hear(message);
    });
    socket.on('unexpected-response', (request, { statusCode }) => {
      // The token will not get better: what is else refused may be let in later.
      if (statusCode === 401) {
        this.#isClosed = true;
        this.#first?.reject(new Error('the token is stale'));
      }
      request.destroy();
      socket.terminate();
    });
    // Whatever goes wrong ends in `close`.
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.#isReady = false;
      if (code === socketClose.loggedOut) this.#isClosed = true;
      const pauseMs = Math.min(15_000, 500 * 2 ** this.#attempts);
      this.#attempts += 1;
      setTimeout(() => this.#open(), Math.random() * pauseMs);
    });
  }

  #hear(message: ServerMessage): void {
    this.#events.onServerMessage?.(message);
    switch (message.type) {
      case 'ready':
        this.#isReady = true;
        this.#attempts = 0;
        this.#first?.resolve();
        this.say({ type: 'sync' });
        for (const outgoing of this.#outgoing.values()) this.#say(outgoing);
        break;
      case 'message':
        this.#take(message.message);
        break;
      case 'sent':
        this.#answer(message);
        break;
      case 'refused':
        if (!isRetryable(message.error)) this.#answer(message);
        else this.#postpone(message);
        break;
      case 'heads':
        for (const [id, seq] of Object.entries(message.heads)) {
          if (!this.#logs.has(id)) this.#logs.set(id, new ConversationLog(0));
          if (seq > this.have(id)) this.#fetch(id);
        }
        break;
      default:
        // The rest is for screens.
        break;
    }
  }

  #take(message: Message): void {
    const { conversationId } = message;
    const log = this.#logs.get(conversationId) ?? new ConversationLog(0);
    this.#logs.set(conversationId, log);
    const placed = log.place(message);
    if (placed.outcome === 'next') {
      for (const next of placed.messages) this.#events.onMessage?.(next);
      return;
    }
    this.#events.onDisorder?.(placed.outcome, message);
    if (placed.outcome === 'repeated') return;
    setTimeout(() => {
      if (log.hasGap) this.#fetch(conversationId);
    }, gapMs);
  }

  /** Fetches what is missing, one request per conversation at a time. */
  #fetch(conversationId: Id): void {
    if (this.#fetching.has(conversationId) || this.#isClosed) return;
    this.#fetching.add(conversationId);
    this.#fetchAll(conversationId)
      .catch((error: unknown) => {
        // A member no more; anything else is tried again by the next `sync`.
        if (!(error instanceof RequestError && error.status === 404)) this.#syncLater();
      })
      .finally(() => this.#fetching.delete(conversationId));
  }

  async #fetchAll(conversationId: Id): Promise<void> {
    for (;;) {
      const path = `/api/conversations/${conversationId}/messages`;
      const query = `?after=${this.have(conversationId)}&limit=100`;
      const { messages, hasMore } = await this.http.get<MessagesBody>(path + query);
      const [first] = messages;
      const log = this.#logs.get(conversationId);
      // What came before is not for this member.
      if (first !== undefined && log !== undefined && first.seq > log.have + 1) {
        log.have = first.seq - 1;
      }
      for (const message of messages) this.#takeFetched(message);
      if (!hasMore) return;
    }
  }

  #takeFetched(message: Message): void {
    const placed = this.#logs.get(message.conversationId)?.place(message);
    if (placed?.outcome !== 'next') return;
    for (const next of placed.messages) this.#events.onMessage?.(next);
  }

  #syncLater(): void {
    setTimeout(() => this.say({ type: 'sync' }), 2500).unref();
  }

  #answer(answer: Sent | Refused): void {
    const outgoing = this.#outgoing.get(answer.clientId);
    this.#outgoing.delete(answer.clientId);
    outgoing?.resolve(answer);
  }

  #postpone({ clientId, retryAfterMs = 1000 }: Refused): void {
    const outgoing = this.#outgoing.get(clientId);
    if (outgoing === undefined) return;
    setTimeout(() => {
      if (this.#isReady && this.#outgoing.has(clientId)) this.#say(outgoing);
    }, retryAfterMs);
  }

  #sendAgain(): void {
    if (!this.#isReady) return;
    for (const outgoing of this.#outgoing.values()) {
      if (performance.now() - outgoing.sentAt > answerMs) this.#say(outgoing);
    }
  }

  #say(outgoing: Outgoing): void {
    outgoing.sentAt = performance.now();
    this.say(outgoing.message);
  }
}

interface Surroundings {
  readonly http: HttpClient;
  readonly socketUrl: string;
  readonly events: MessengerClientEvents;
}
