// @ts-check
import { callApp } from './app.js';

const firstDelayMs = 500;
const longestDelayMs = 10_000;

/**
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 *
 * @typedef {object} ConnectionListener
 * @property {() => void} onBound the app has bound this page, which receives pushes from now on
 * @property {(message: ServerMessage) => void} onMessage
 * @property {() => void} onLost the connection is retried
 * @property {() => void} onLoggedOut the user is not logged in; the connection is not retried
 */

/** A websocket that the app binds to the user; whenever it closes, another one is opened and bound. */
export class Connection {
  #url;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #isWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} url
   * @param {ConnectionListener} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
    addEventListener('online', () => this.#open());
    addEventListener('offline', () => this.#socket?.close());
    // Browsers throttle timers in the background, so a page that becomes visible retries at once.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#open();
    });
  }

  /** Connects, and stays connected. */
  start() {
    this.#isWanted = true;
    this.#open();
  }

  /** Ends the connection. */
  stop() {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #open() {
    if (!this.#isWanted || this.#socket !== null) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    // A browser may wait minutes for a network that drops packets.
    const timer = setTimeout(() => socket.close(), 10_000);
    socket.addEventListener('message', ({ data }) => this.#receive(socket, JSON.parse(data)));
    socket.addEventListener('open', () => clearTimeout(timer));
    socket.addEventListener('close', () => {
      clearTimeout(timer);
      this.#lose();
    });
  }

  /**
   * @param {WebSocket} socket
   * @param {ServerMessage} message
   */
  #receive(socket, message) {
    if (message.type !== 'init') return this.#listener.onMessage(message);
    const { clientId, token } = message;
    callApp('bind', { clientId, token }).then(
      () => {
        // Closed during the request: the next connection is bound by another request.
        if (socket.readyState !== WebSocket.OPEN) return;
        this.#attempt = 0;
        document.documentElement.dataset.clientId = clientId;
        this.#listener.onBound();
      },
      (error) => {
        if (error.status === 401) {
          this.stop();
          this.#listener.onLoggedOut();
        }
        // After any other error, a new connection gets a new token.
        socket.close();
      },
    );
  }

  #lose() {
    this.#socket = null;
    delete document.documentElement.dataset.clientId;
    if (!this.#isWanted) return;
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(this.#attempt, 10));
    this.#attempt += 1;
    // Half of it is random, so that the clients of a dead gateway do not all reconnect at the same time.
    this.#timer = setTimeout(() => this.#open(), delayMs / 2 + (Math.random() * delayMs) / 2);
    this.#listener.onLost();
  }
}
