/** The messages and requests of an application: the interface that its server and its clients share. */
export interface Protocol {
  /** What clients send. */
  ClientToServer: unknown;
  /** What clients receive. */
  ServerToClient: unknown;
  /** What clients ask, by type. */
  Requests: Record<string, { data: unknown; result: unknown }>;
}

/**
 * - `connecting`: the client opens a connection.
 * - `open`: the session is on a connection.
 * - `waiting`: the client waits before its next attempt to connect.
 * - `closed`: the client has ended and never connects again.
 */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closed';

/** What the client uses of a websocket: that of browsers, of Node.js 22 or of the npm package `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** A class of websockets. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** Options of `connect`. */
export interface ConnectOptions {
  /** For `onHandshake` of the application. A function is called before each attempt to connect. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /**
   * Where the session is kept. `session`: in sessionStorage, so that it resumes after a reload of the page; the calls
   * that are pending at a reload are lost. Without sessionStorage it is kept in memory.
   *
   * @default 'memory'
   */
  readonly storage?: 'memory' | 'session' | undefined;
  /**
   * `json`: values are sent as JSON, and text is parsed if it is JSON. `text`: text is sent and received unchanged. In
   * both, an ArrayBuffer or a view is sent as binary data, which is received as Uint8Array. Requests are always JSON
   * or binary data.
   *
   * @default 'json'
   */
  readonly format?: 'json' | 'text' | undefined;
  /** Default: the global one. Node.js 20 has none: pass the one of the npm package `ws`. */
  readonly WebSocket?: WebSocketClass | undefined;
  /**
   * Most messages and requests that the application has not confirmed.
   *
   * @default 1000
   */
  readonly maxQueuedMessages?: number | undefined;
  /**
   * Most bytes of messages and requests that the application has not confirmed.
   *
   * @default 1048576
   */
  readonly maxQueuedBytes?: number | undefined;
  /**
   * Random wait before an attempt to connect: up to `minMs`, and twice as long after each failure, up to `maxMs`.
   *
   * @default { minMs: 300, maxMs: 20000 }
   */
  readonly retry?: { readonly minMs?: number; readonly maxMs?: number } | undefined;
  /**
   * Longest time from the start of an attempt, the token included, to the welcome of the gateway.
   *
   * @default 10000
   */
  readonly connectTimeoutMs?: number | undefined;
}

/** Options of `Client.send`. */
export interface SendOptions {
  /** Fails with `expired` if the message could not be sent within this time. Default: unlimited. */
  readonly ttlMs?: number | undefined;
}

/** Options of `Client.request`. */
export interface RequestOptions {
  /**
   * Fails with `timeout` if no reply came within this time.
   *
   * @default 10000
   */
  readonly timeoutMs?: number | undefined;
  /** Fails with `aborted` if it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** The session is on a connection. */
export interface OpenEvent {
  /** False: the session is new. Nothing that was sent before is repeated, and what the client has shown may be old. */
  readonly resumed: boolean;
  /** Why the previous session could not be resumed; empty if there was none. */
  readonly reason: string;
  readonly clientId: string;
}

/** A connection has ended, or an attempt to connect has failed. The client connects again. */
export interface DownEvent {
  /** Close code. */
  readonly code: number;
  readonly reason: string;
  /** When the next attempt begins. */
  readonly retryInMs: number;
}

/** Where a message comes from. */
export interface MessageInfo {
  /** Id of the process that has sent it; 0 if the message is not repeated after a lost connection. */
  readonly source: number;
  /** Number of the message in its source. Messages of one source arrive in the order of their offsets. */
  readonly offset: number;
}

/** Messages to this client may be lost. */
export interface GapEvent extends MessageInfo {
  /** `source-ended`, `too-old` or `not-sent`, as in docs/client-protocol.md. */
  readonly reason: string;
}

/** The client has ended and never connects again. */
export interface ClosedEvent {
  /** Close code: 1000 after `close`. */
  readonly code: number;
  readonly reason: string;
  /** Status with which `onHandshake` of the application has refused the client. */
  readonly status?: number | undefined;
}

/** The arguments of each event. */
export interface ClientEvents<P extends Protocol = Protocol> {
  open: [event: OpenEvent];
  down: [event: DownEvent];
  message: [data: P['ServerToClient'], info: MessageInfo];
  gap: [event: GapEvent];
  closed: [event: ClosedEvent];
}

/** A client with a session that survives lost connections. */
export interface Client<P extends Protocol = Protocol> {
  readonly state: ClientState;
  /** Id of the client in the cluster; empty before the first session. It changes only with a new session. */
  readonly clientId: string;
  /** Number of calls of `send` and `request` that have not settled. */
  readonly pending: number;

  /**
   * Calls a handler for each event, until the function that this returns is called. An exception of a handler is
   * thrown again in a microtask, as an uncaught one; other handlers and the client go on.
   *
   * A message counts as received when its handlers have returned. If it has a receipt, it counts as handled when
   * their promises are fulfilled, too.
   */
  on<N extends keyof ClientEvents<P>>(
    name: N,
    handler: (...args: ClientEvents<P>[N]) => unknown,
  ): () => void;

  /**
   * Sends a message, now or when the client is connected. Messages are handled exactly once and in their order.
   *
   * The promise is fulfilled when the application has handled the message, and rejected with a {@link ClientError}. A
   * rejection that no code observes is ignored.
   *
   * @throws {TypeError} if the data cannot be sent
   */
  send(data: P['ClientToServer'], options?: SendOptions): Promise<void>;

  /**
   * Sends a request, now or when the client is connected, and returns the reply of the application.
   *
   * The promise is rejected with a {@link ClientError}. A rejection that no code observes is ignored.
   *
   * @throws {TypeError} if the data cannot be sent
   */
  request<T extends keyof P['Requests'] & string>(
    type: T,
    data: P['Requests'][T]['data'],
    options?: RequestOptions,
  ): Promise<P['Requests'][T]['result']>;

  /** Fails every call that was not sent yet with `cleared`. */
  clearQueue(): void;

  /** Ends the session. Every pending call fails with `closed`. */
  close(): void;
}
