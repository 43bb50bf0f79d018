import {
  type ClientMessage,
  type ServerMessage,
  socketClose,
} from '../../shared/socket-message.ts';
import type { Connection as ConnectionState } from '../store/state.ts';
import { parseRetryDelay, toRetryDelay } from './backoff.ts';

/** The used part of WebSocket. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
}

/** Callbacks of a socket. */
export interface SocketListener {
  readonly onMessage: (data: unknown) => void;
  /** Called after every kind of end. */
  readonly onClose: (code: number, reason: string) => void;
}

/** Dependencies of a connection. */
export interface ConnectionOptions {
  readonly open: (listener: SocketListener) => Socket;
  readonly random: () => number;
  readonly onState: (state: ConnectionState) => void;
  readonly onMessage: (message: ServerMessage) => void;
  /** The server has closed the connection because the device was logged out; it does not reconnect. */
  readonly onLoggedOut: () => void;
  /** The connection could not be opened. A browser does not show whether the login is the reason. */
  readonly onRefused: () => void;
  /** The server has closed the connection because of a message of the client. */
  readonly onFault: (reason: string) => void;
}

/** Interval of pings, and the timeout of the pong, in milliseconds. */
const pingMs = 20_000;
const pongMs = 10_000;

/** Timeout of opening, in milliseconds: a browser may wait minutes for a network that drops packets. */
const openMs = 10_000;

/** WebSocket.OPEN, which is not defined in unit tests. */
const isOpen = 1;

const closeCode = { policyViolation: 1008, messageTooBig: 1009 } as const;

/** A websocket that reconnects whenever it closes. */
export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  /** Failed attempts since the last `ready`. */
  #attempt = 0;
  #isReady = false;
  #isStopped = true;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #pongTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** True if `ready` was received. */
  get isReady(): boolean {
    return this.#isReady;
  }

  start(): void {
    this.#isStopped = false;
    this.retry();
  }

  /** Closes the connection and does not reconnect. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  /** Opens the connection at once, unless it is open or being opened. */
  retry(): void {
    if (this.#isStopped || this.#socket !== undefined) return;
    clearTimeout(this.#retryTimer);
    this.#options.onState({ status: 'connecting' });
    // Events of a dropped socket are ignored.
    const isCurrent = () => this.#socket === socket;
    const socket = this.#options.open({
      onMessage: (data) => {
        if (isCurrent()) this.#handle(data);
      },
      onClose: (code, reason) => {
        if (isCurrent()) this.#close(code, reason);
      },
    });
    this.#socket = socket;
    this.#openTimer = setTimeout(() => this.#lose(), openMs);
  }

  /** Drops the connection because the network is gone, and reconnects after a delay. */
  lose(): void {
    if (this.#socket !== undefined) this.#lose();
  }

  /** Sends a message; returns false if the connection is not ready. */
  transmit(message: ClientMessage): boolean {
    if (!this.#isReady || this.#socket?.readyState !== isOpen) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #handle(data: unknown): void {
    clearTimeout(this.#pongTimer);
    const message = parseServerMessage(data);
    if (message === undefined) return;
    if (message.type === 'ready') this.#beReady();
    this.#options.onMessage(message);
  }

  #beReady(): void {
    clearTimeout(this.#openTimer);
    this.#isReady = true;
    this.#attempt = 0;
    clearInterval(this.#pingTimer);
    this.#pingTimer = setInterval(() => this.#ping(), pingMs);
    this.#options.onState({ status: 'open', since: Date.now() });
  }

  #ping(): void {
    if (!this.transmit({ type: 'ping' })) return;
    clearTimeout(this.#pongTimer);
    this.#pongTimer = setTimeout(() => this.#lose(), pongMs);
  }

  #close(code: number, reason: string): void {
    const wasReady = this.#isReady;
    if (code === socketClose.loggedOut) {
      this.stop();
      this.#options.onLoggedOut();
      return;
    }
    if (code === closeCode.policyViolation || code === closeCode.messageTooBig) {
      this.#options.onFault(reason);
    }
    this.#lose(parseRetryDelay(reason, this.#options.random));
    if (!wasReady) this.#options.onRefused();
  }

  #lose(requestedMs?: number): void {
    this.#drop();
    if (this.#isStopped) return;
    const pauseMs = requestedMs ?? toRetryDelay(this.#attempt, this.#options.random);
    this.#attempt += 1;
    this.#options.onState({ status: 'waiting', retryAt: Date.now() + pauseMs });
    this.#retryTimer = setTimeout(() => this.retry(), pauseMs);
  }

  /** Does not wait for the close of the socket, which may take a minute without a network. */
  #drop(): void {
    clearTimeout(this.#openTimer);
    clearTimeout(this.#pongTimer);
    clearInterval(this.#pingTimer);
    this.#isReady = false;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }
}

function parseServerMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data) as ServerMessage;
  } catch {
    // Not a message of this server.
    return undefined;
  }
}
