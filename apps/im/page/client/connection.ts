import {
  type ClientMessage,
  type ServerMessage,
  socketClose,
} from '../../shared/socket-message.ts';
import type { Connection as ConnectionState } from '../store/state.ts';
import { readAskedPause, toPause } from './backoff.ts';

/** The part of a WebSocket that is used. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
}

/** What a socket tells. */
export interface SocketListener {
  readonly onMessage: (data: unknown) => void;
  /** Whatever has gone wrong ends in this. */
  readonly onClose: (code: number, reason: string) => void;
}

/** What a connection works with. */
export interface ConnectionOptions {
  readonly open: (listener: SocketListener) => Socket;
  readonly random: () => number;
  readonly onState: (state: ConnectionState) => void;
  readonly onMessage: (message: ServerMessage) => void;
  /** The server has closed it because this device was logged out: it is not opened again. */
  readonly onLoggedOut: () => void;
  /** It could not be opened: a browser does not tell whether the login is why. */
  readonly onRefused: () => void;
  /** The server has closed it because of what was said. */
  readonly onFault: (reason: string) => void;
}

/** How often the server is asked whether it is there, and how long it has to answer, in milliseconds. */
const pingMs = 20_000;
const pongMs = 10_000;

/** How long opening may take: left alone, a browser may wait minutes for a network that swallows packets. */
const openMs = 10_000;

/** WebSocket.OPEN, which only browsers have by name. */
const isOpen = 1;

const closeCode = { policyViolation: 1008, messageTooBig: 1009 } as const;

/** One websocket that is opened again whenever it ends. */
export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  /** Failures since the server has last said `ready`. */
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

  /** Whether the server has said `ready`. */
  get isReady(): boolean {
    return this.#isReady;
  }

  start(): void {
    this.#isStopped = false;
    this.retry();
  }

  /** Ends it for good. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  /** Opens it at once, unless it is open or being opened. */
  retry(): void {
    if (this.#isStopped || this.#socket !== undefined) return;
    clearTimeout(this.#retryTimer);
    this.#options.onState({ status: 'connecting' });
    // One that was let go of is not heard any more.
    const isCurrent = () => this.#socket === socket;
    const socket = this.#options.open({
      onMessage: (data) => {
        if (isCurrent()) this.#hear(data);
      },
      onClose: (code, reason) => {
        if (isCurrent()) this.#close(code, reason);
      },
    });
    this.#socket = socket;
    this.#openTimer = setTimeout(() => this.#lose(), openMs);
  }

  /** Counts it as lost, and opens it again after a pause: the network has gone. */
  lose(): void {
    if (this.#socket !== undefined) this.#lose();
  }

  /** Answers false when there is no connection on which the server has said `ready`. */
  say(message: ClientMessage): boolean {
    if (!this.#isReady || this.#socket?.readyState !== isOpen) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #hear(data: unknown): void {
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
    if (!this.say({ type: 'ping' })) return;
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
    this.#lose(readAskedPause(reason, this.#options.random));
    if (!wasReady) this.#options.onRefused();
  }

  #lose(askedMs?: number): void {
    this.#drop();
    if (this.#isStopped) return;
    const pauseMs = askedMs ?? toPause(this.#attempt, this.#options.random);
    this.#attempt += 1;
    this.#options.onState({ status: 'waiting', retryAt: Date.now() + pauseMs });
    this.#retryTimer = setTimeout(() => this.retry(), pauseMs);
  }

  /** Lets go of the socket: closing one whose network is gone may take a minute. */
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
    // Nothing that this server says.
    return undefined;
  }
}
