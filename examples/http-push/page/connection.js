// @ts-check
import { callApp } from './app.js';

const firstDelayMs = 500;
const longestDelayMs = 10_000;

/**
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 *
 * @typedef {object} ConnectionListener
 * @property {() => void} onBound the app has bound this page: pushes come from now on
 * @property {(message: ServerMessage) => void} onMessage
 * @property {() => void} onLost it is tried again by itself
 * @property {() => void} onLoggedOut the app does not know this person: nothing is tried any more
 */

/** A websocket that the app has bound; whenever it is lost, another one is opened and bound again. */
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
    // A page that was asleep in the background need not wait for its timer.
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
    // Left alone, a browser may wait minutes for a network that swallows packets.
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
        // Lost while the app was asked: the next connection is bound anew.
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
        // Whatever else went wrong: a new connection gets a new token.
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
    // Half of it is random: the pages of a gateway that died must not all come back at once.
    this.#timer = setTimeout(() => this.#open(), delayMs / 2 + (Math.random() * delayMs) / 2);
    this.#listener.onLost();
  }
}
