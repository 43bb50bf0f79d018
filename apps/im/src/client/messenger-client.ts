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

/** Wait before a gap is fetched, and before an unanswered message is sent again, in milliseconds. */
const gapMs = 500;
const answerMs = 10_000;

/** Interval of `sync`, which finds messages that a dying process stored but did not deliver, in milliseconds. */
const syncMs = 60_000;

/** Callbacks of a client, all optional. */
export interface MessengerClientEvents {
  /** The next message of a conversation, in order and without duplicates. */
  onMessage?(message: Message): void;
  /** Every message of the server, as it arrives. */
  onServerMessage?(message: ServerMessage): void;
  /** A message was delivered again, or before a missing one. */
  onDisorder?(kind: 'repeated' | 'early', message: Message): void;
}

/** The message was refused and will not be retried. */
export type Refused = Extract<ServerMessage, { type: 'refused' }>;
export type Sent = Extract<ServerMessage, { type: 'sent' }>;

interface Outgoing {
  readonly message: Extract<ClientMessage, { type: 'send' }>;
  readonly resolve: (answer: Sent | Refused) => void;
  sentAt: number;
}

/** A client of the messenger, as PROTOCOL.md describes: it reconnects, catches up, and resends. */
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
    { http, socketUrl, events }: ClientParts,
    { me, deviceId, token = '' }: LoginBody,
  ) {
    this.me = me;
    this.deviceId = deviceId;
    this.token = token;
    this.http = http;
    this.#socketUrl = socketUrl;
    this.#events = events;
  }

  /** Creates an account, or logs in if it exists. Does not connect. */
  static async registerOrLogIn(
    address: string,
    { name, password }: { readonly name: string; readonly password: string },
    events: MessengerClientEvents = {},
  ): Promise<MessengerClient> {
    const anonymous = new HttpClient(address);
    const login = await anonymous
      .post<LoginBody>('/api/register', { name, password })
      .catch((error: unknown) => {
        if (!(error instanceof RequestError && error.code === 'name_taken')) throw error;
        return anonymous.post<LoginBody>('/api/login', { login: name, password });
      });
    const { socketPort } = await anonymous.get<ConfigBody>('/api/config');
    const socketUrl = `ws://${new URL(address).hostname}:${socketPort}/`;
    const http = new HttpClient(address, login.token);
    return new MessengerClient({ http, socketUrl, events }, login);
  }

  /** True if the connection is open and `ready` was received. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Number of messages without an answer. */
  get unanswered(): number {
    return this.#outgoing.size;
  }

  /**
   * Opens the websocket, and reconnects whenever it closes. Resolves at the first `ready`.
   *
   * @throws when the token is stale
   */
  async connect(): Promise<void> {
    const { conversations } = await this.http.get<ConversationsBody>('/api/conversations');
    for (const { id, lastSeq } of conversations) {
      if (!this.#logs.has(id)) this.#logs.set(id, new ConversationLog(lastSeq));
    }
    this.#timers = [
      setInterval(() => this.#resendUnanswered(), 1000),
      setInterval(() => this.transmit({ type: 'sync' }), syncMs),
    ];
    await new Promise<void>((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#open();
    });
  }

  /** The `seq` up to which all messages of a conversation have arrived. */
  have(conversationId: Id): number {
    return this.#logs.get(conversationId)?.have ?? 0;
  }

  /** Starts a conversation after this `seq`. Without a call, `connect` starts at the newest message. */
  follow(conversationId: Id, have = 0): void {
    this.#logs.set(conversationId, new ConversationLog(have));
  }

  /** Sends a message, and resends it until it is answered. */
  async send(
    conversationId: Id,
    content: SendContent,
    clientId: string = randomUUID(),
  ): Promise<Sent | Refused> {
    const message = { type: 'send', clientId, conversationId, content } as const;
    return await new Promise((resolve) => {
      const outgoing = { message, resolve, sentAt: performance.now() };
      this.#outgoing.set(clientId, outgoing);
      if (this.#isReady) this.transmit(message);
    });
  }

  /** Writes a message to the websocket if it is open. */
  transmit(message: ClientMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Terminates the connection without a close frame, like a phone that loses its network. It reconnects. */
  drop(): void {
    this.#socket?.terminate();
  }

  /** Closes the connection and does not reconnect. */
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
      this.#handle(message);
    });
    socket.on('unexpected-response', (request, { statusCode }) => {
      // 401: the token stays invalid. After any other status a retry may succeed.
      if (statusCode === 401) {
        this.#isClosed = true;
        this.#first?.reject(new Error('the token is stale'));
      }
      request.destroy();
      socket.terminate();
    });
    // Every error is followed by `close`.
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.#isReady = false;
      if (code === socketClose.loggedOut) this.#isClosed = true;
      const pauseMs = Math.min(15_000, 500 * 2 ** this.#attempts);
      this.#attempts += 1;
      setTimeout(() => this.#open(), Math.random() * pauseMs);
    });
  }

  #handle(message: ServerMessage): void {
    this.#events.onServerMessage?.(message);
    switch (message.type) {
      case 'ready':
        this.#isReady = true;
        this.#attempts = 0;
        this.#first?.resolve();
        this.transmit({ type: 'sync' });
        for (const outgoing of this.#outgoing.values()) this.#transmitOutgoing(outgoing);
        break;
      case 'message':
        this.#add(message.message);
        break;
      case 'sent':
        this.#settle(message);
        break;
      case 'refused':
        if (!isRetryable(message.error)) this.#settle(message);
        else this.#retryLater(message);
        break;
      case 'heads':
        for (const [id, seq] of Object.entries(message.heads)) {
          if (!this.#logs.has(id)) this.#logs.set(id, new ConversationLog(0));
          if (seq > this.have(id)) this.#fetch(id);
        }
        break;
      default:
        // Other types are for user interfaces.
        break;
    }
  }

  #add(message: Message): void {
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

  /** Fetches missing messages, one request per conversation at a time. */
  #fetch(conversationId: Id): void {
    if (this.#fetching.has(conversationId) || this.#isClosed) return;
    this.#fetching.add(conversationId);
    this.#fetchAll(conversationId)
      .catch((error: unknown) => {
        // 404: no longer a member. After any other error a `sync` tries again.
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
      // Messages before the member joined are not available.
      if (first !== undefined && log !== undefined && first.seq > log.have + 1) {
        log.have = first.seq - 1;
      }
      for (const message of messages) this.#addFetched(message);
      if (!hasMore) return;
    }
  }

  #addFetched(message: Message): void {
    const placed = this.#logs.get(message.conversationId)?.place(message);
    if (placed?.outcome !== 'next') return;
    for (const next of placed.messages) this.#events.onMessage?.(next);
  }

  #syncLater(): void {
    setTimeout(() => this.transmit({ type: 'sync' }), 2500).unref();
  }

  #settle(answer: Sent | Refused): void {
    const outgoing = this.#outgoing.get(answer.clientId);
    this.#outgoing.delete(answer.clientId);
    outgoing?.resolve(answer);
  }

  #retryLater({ clientId, retryAfterMs = 1000 }: Refused): void {
    const outgoing = this.#outgoing.get(clientId);
    if (outgoing === undefined) return;
    setTimeout(() => {
      if (this.#isReady && this.#outgoing.has(clientId)) this.#transmitOutgoing(outgoing);
    }, retryAfterMs);
  }

  #resendUnanswered(): void {
    if (!this.#isReady) return;
    for (const outgoing of this.#outgoing.values()) {
      if (performance.now() - outgoing.sentAt > answerMs) this.#transmitOutgoing(outgoing);
    }
  }

  #transmitOutgoing(outgoing: Outgoing): void {
    outgoing.sentAt = performance.now();
    this.transmit(outgoing.message);
  }
}

interface ClientParts {
  readonly http: HttpClient;
  readonly socketUrl: string;
  readonly events: MessengerClientEvents;
}
