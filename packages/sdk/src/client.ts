import {
  CLOSE_REFUSED,
  CLOSE_SILENCE,
  CLOSE_SUPERSEDED,
  CLOSE_TAKEN_OVER,
  ClientProtocolError,
  closeActionOf,
  encodeBye,
  encodeCancel,
  encodeReceived,
  type GatewayFrame,
  type MessageFrame,
  type ReplyFrame,
  type WelcomeFrame,
} from '@gatewayworker/client-protocol';
import { type Call, createCall, startTimer } from './call.ts';
import { ClientError, type ClientErrorCode } from './client-error.ts';
import { type Connection, type ConnectionSettings, openConnection } from './connection.ts';
import { Emitter } from './emitter.ts';
import { Outbox } from './outbox.ts';
import { page, watchPage } from './page.ts';
import { decodePayload, encodePayload, type Payload } from './payload.ts';
import { isNew, raise } from './positions.ts';
import { createRetrySchedule, type RetrySchedule, randomWait } from './retry-schedule.ts';
import type { Session, SessionStore } from './session-store.ts';
import type {
  Client,
  ClientEvents,
  ClientState,
  ConnectOptions,
  Protocol,
  RequestOptions,
  SendOptions,
} from './types.ts';

const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** A client that loses its session twice within this time to another connection leaves it to that one. */
const TAKEOVER_MS = 10_000;

/** The session of a client, and the connections that it is on, one after the other. */
export class SessionClient<P extends Protocol> implements Client<P> {
  readonly #settings: ConnectionSettings;
  readonly #format: 'json' | 'text';
  #store: SessionStore | undefined;
  readonly #emitter = new Emitter<ClientEvents<P>>();
  #positions = new Map<number, number>();
  readonly #outbox: Outbox;
  readonly #nextWait: RetrySchedule;
  /** Aborted when the client is closed. */
  readonly #closing = new AbortController();
  #state: ClientState = 'connecting';
  #clientId = '';
  /** For the next resume; undefined: the next session is new. */
  #secret: Uint8Array | undefined;
  /** Why the last session was forgotten. */
  #lossReason = '';
  /** The connection that the session is on. */
  #connection: Connection | undefined;
  /** The connection that gets the session next. */
  #attempt: Connection | undefined;
  /** Starts the next attempt. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #openedAt = 0;
  #takenOverAt = -TAKEOVER_MS;
  #spreadMs = 0;
  #maxBytes = 0;

  /** `loadStore` undefined: the session is kept in memory. */
  constructor(
    settings: ConnectionSettings,
    options: ConnectOptions,
    loadStore: (() => Promise<SessionStore>) | undefined,
  ) {
    this.#settings = settings;
    this.#format = options.format ?? 'json';
    this.#outbox = new Outbox(
      options.maxQueuedMessages ?? 1000,
      options.maxQueuedBytes ?? 1024 * 1024,
    );
    this.#nextWait = createRetrySchedule(
      options.retry?.minMs ?? 300,
      options.retry?.maxMs ?? 20_000,
    );
    watchPage(this.#closing.signal, {
      wake: () => this.#wake(),
      // A page whose session is stored may come back.
      end: () => loadStore === undefined && this.close(),
      restore: () => this.#restart(),
    });
    if (loadStore === undefined) this.#connect();
    else void this.#restore(loadStore);
  }

  get state(): ClientState {
    return this.#state;
  }

  get clientId(): string {
    return this.#clientId;
  }

  get pending(): number {
    return this.#outbox.pending;
  }

  on<N extends keyof ClientEvents<P>>(
    name: N,
    handler: (...args: ClientEvents<P>[N]) => unknown,
  ): () => void {
    return this.#emitter.on(name, handler);
  }

  send(data: P['ClientToServer'], { ttlMs }: SendOptions = {}): Promise<void> {
    return this.#call(undefined, encodePayload(data, this.#format), (call) =>
      startTimer(ttlMs, () => {
        if (call.number === 0) this.#fail(call, 'expired');
      }),
    );
  }

  request<T extends keyof P['Requests'] & string>(
    type: T,
    data: P['Requests'][T]['data'],
    { timeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, signal }: RequestOptions = {},
  ): Promise<P['Requests'][T]['result']> {
    return this.#call(type, encodePayload(data, 'json', ''), (call) => {
      const abort = (): void => this.#fail(call, 'aborted');
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort);
      const stop = startTimer(timeoutMs, () => this.#fail(call, 'timeout'));
      return () => {
        stop();
        signal?.removeEventListener('abort', abort);
      };
    });
  }

  clearQueue(): void {
    this.#outbox.clear('cleared');
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#connection?.send(encodeBye());
    this.#finish(1000, '');
  }

  /** Adds a call. `watch` starts what may fail it early, and returns what stops that. */
  #call<R>(
    type: string | undefined,
    payload: Payload,
    watch: (call: Call) => () => void,
  ): Promise<R> {
    const promise = createCall<R>(type, payload, (call) => {
      if (this.#state === 'closed') call.settle(new ClientError('closed'));
      else this.#outbox.add(call);
      return watch(call);
    });
    this.#flush();
    return promise;
  }

  /** Fails a call before the application has confirmed it. */
  #fail(call: Call, code: ClientErrorCode): void {
    call.settle(new ClientError(code));
    const { number } = call;
    if (number > 0) this.#connection?.send(encodeCancel(number));
    this.#outbox.remove(call);
  }

  #flush(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#outbox.flush((frame) => connection.send(frame), this.#maxBytes);
    this.#save();
  }

  #save(): void {
    this.#store?.save(() => this.#session());
  }

  /** What the next Hello resumes. */
  #session(): Session | undefined {
    const secret = this.#secret;
    if (secret === undefined) return undefined;
    return {
      clientId: this.#clientId,
      secret,
      positions: this.#positions,
      lastNumber: this.#outbox.lastNumber,
    };
  }

  /** Takes the session of the previous page, and connects. */
  async #restore(loadStore: () => Promise<SessionStore>): Promise<void> {
    try {
      const store = await loadStore();
      const session = await store.load();
      if (this.#state === 'closed') return;
      this.#store = store;
      if (session === undefined) return;
      this.#clientId = session.clientId;
      this.#secret = session.secret;
      this.#positions = new Map(session.positions);
      this.#outbox.lastNumber = session.lastNumber;
    } finally {
      // If the store cannot be loaded, which is an unhandled rejection, the session is kept in memory.
      if (this.#state !== 'closed') this.#connect();
    }
  }

  #connectIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #connect(): void {
    clearTimeout(this.#timer);
    if (this.#connection === undefined) this.#state = 'connecting';
    this.#attempt = openConnection(this.#settings, {
      resume: () => this.#session(),
      frame: (connection, frame) =>
        connection === this.#attempt ? this.#begin(connection, frame) : this.#handle(frame),
      end: (connection, code, reason) => this.#end(connection, code, reason),
    });
  }

  /** Handles the first frame of a connection. */
  #begin(connection: Connection, frame: GatewayFrame): void {
    if (frame.op === 'welcome') this.#open(connection, frame);
    else if (frame.op === 'refused') {
      this.#finish(CLOSE_REFUSED, frame.reason, frame.status);
    } else unexpected(frame);
  }

  #open(connection: Connection, welcome: WelcomeFrame): void {
    const { clientId, isResumed, handled, maxBytes } = welcome;
    // The new connection repeats what the old one may still deliver.
    this.#connection?.close(CLOSE_TAKEN_OVER);
    this.#connection = connection;
    this.#attempt = undefined;
    connection.welcome(welcome.pingMs);
    if (!isResumed) {
      this.#outbox.lose();
      this.#positions = new Map(welcome.positions);
    }
    this.#clientId = clientId;
    this.#secret = welcome.secret;
    this.#spreadMs = welcome.spreadMs;
    this.#maxBytes = maxBytes;
    this.#openedAt = performance.now();
    this.#state = 'open';
    const reason = isResumed ? '' : welcome.reason || this.#lossReason;
    this.#lossReason = '';
    this.#outbox.resend(handled, (bytes) => connection.send(bytes));
    // First, so that a handler can clear what was meant for the previous session.
    this.#emitter.emit('open', { resumed: isResumed, reason, clientId });
    this.#flush();
  }

  #handle(frame: GatewayFrame): void {
    switch (frame.op) {
      case 'message':
        this.#receive(frame);
        break;
      case 'reply':
        this.#reply(frame);
        break;
      case 'handled':
        this.#outbox.handle(frame.number);
        break;
      case 'gap': {
        const { source, offset, reason } = frame;
        if (offset === 0) this.#positions.delete(source);
        else raise(this.#positions, [[source, offset]]);
        this.#emitter.emit('gap', { source, offset, reason });
        break;
      }
      case 'ping':
        raise(this.#positions, frame.positions);
        break;
      case 'sourceEnded':
        this.#positions.delete(frame.source);
        break;
      case 'goAway':
        if (this.#attempt === undefined) this.#connectIn(randomWait(frame.minMs, frame.maxMs));
        return;
      default:
        unexpected(frame);
    }
    this.#save();
  }

  #receive(frame: MessageFrame): void {
    const { source, offset, receipt } = frame;
    const confirm = (isHandled: boolean): void => {
      if (receipt !== undefined) this.#connection?.send(encodeReceived(receipt, isHandled));
    };
    confirm(false);
    if (!isNew(this.#positions, source, offset)) return;
    const data = decodePayload(frame, this.#format);
    const results = this.#emitter.emit('message', data, { source, offset });
    // After the handlers, so that a page that ends in them gets the message again.
    raise(this.#positions, [[source, offset]]);
    if (receipt !== undefined && results !== undefined) {
      void Promise.all(results).then(() => confirm(true));
    }
  }

  #reply(frame: ReplyFrame): void {
    const { source, offset, number } = frame;
    if (!isNew(this.#positions, source, offset)) return;
    raise(this.#positions, [[source, offset]]);
    const call = this.#outbox.request(number);
    if (call === undefined) return;
    const value = frame.payload.length > 0 ? decodePayload(frame, 'json') : undefined;
    if (frame.isFailed) {
      const { code, message } = Object(value) as { code: unknown; message: unknown };
      call.settle(new ClientError(String(code), String(message)));
    } else call.settle(undefined, value);
    this.#outbox.remove(call);
  }

  #end(connection: Connection, code: number, reason: string): void {
    const wasOpen = connection === this.#connection;
    if (wasOpen) this.#connection = undefined;
    else this.#attempt = undefined;
    const action = closeActionOf(code);
    if (action === 'stop') {
      this.#finish(code, reason);
      return;
    }
    const hasNext = wasOpen && this.#attempt !== undefined;
    let isLost = action === 'new-session';
    if (code === CLOSE_TAKEN_OVER && wasOpen && !hasNext) {
      const now = performance.now();
      isLost = now - this.#takenOverAt < TAKEOVER_MS;
      this.#takenOverAt = now;
    }
    if (isLost) this.#forget(reason || String(code));
    let retryInMs = 0;
    if (!hasNext) {
      const uptimeMs = wasOpen ? performance.now() - this.#openedAt : -1;
      const isOnline = page.navigator?.onLine !== false;
      retryInMs = this.#nextWait(code, reason, this.#spreadMs, uptimeMs, isOnline);
      this.#connectIn(retryInMs);
    }
    // While the attempt of a GoAway fails, the session is still on the first connection. If it succeeds, the gateway may
    // close the first one before the Welcome arrives on the second one.
    if (this.#connection !== undefined || (hasNext && code === CLOSE_TAKEN_OVER)) return;
    this.#state = hasNext ? 'connecting' : 'waiting';
    this.#emitter.emit('down', { code, reason, retryInMs });
  }

  /** The session has ended: the next one is new. */
  #forget(reason: string): void {
    this.#connection?.close(CLOSE_SUPERSEDED);
    this.#connection = undefined;
    this.#secret = undefined;
    this.#lossReason = reason;
    this.#outbox.lose();
    this.#save();
  }

  #wake(): void {
    if (this.#state === 'open') this.#connection?.probe();
    else if (this.#state === 'waiting') this.#connect();
  }

  /** Leaves the connections, which the back/forward cache has ended, and connects. */
  #restart(): void {
    for (const connection of [this.#attempt, this.#connection]) {
      connection?.fail(CLOSE_SILENCE, 'restored');
    }
    this.#wake();
  }

  #finish(code: number, reason: string, status?: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#closing.abort();
    for (const connection of [this.#attempt, this.#connection]) connection?.close(1000);
    this.#secret = undefined;
    this.#store?.clear();
    this.#outbox.lose('closed');
    this.#outbox.clear('closed');
    this.#emitter.emit('closed', { code, reason, status });
  }
}

/** Rejects a frame that is not allowed now. */
function unexpected({ op }: GatewayFrame): never {
  throw new ClientProtocolError(`unexpected ${op}`);
}
