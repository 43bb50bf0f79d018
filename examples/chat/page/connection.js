// @ts-check

const firstDelayMs = 500;
const longestDelayMs = 15_000;
const openTimeoutMs = 10_000;
const answerTimeoutMs = 5_000;

/**
 * Returns the delay before attempt number `attempt` (from 0). Half of it is random, so that the clients
 * of a dead gateway do not all reconnect at the same time.
 *
 * @param {number} attempt
 * @returns {number} milliseconds
 */
export function toReconnectDelay(attempt) {
  const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 10));
  return delay / 2 + (Math.random() * delay) / 2;
}

/**
 * @typedef {object} ConnectionListener
 * @property {() => void} onConnecting
 * @property {(message: ServerMessage) => void} onMessage
 * @property {(delayMs: number) => void} onLost the next attempt follows after `delayMs`
 *
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 * @typedef {import('../client-message.ts').ClientMessage} ClientMessage
 */

/** A websocket that reconnects whenever it closes. */
export class Connection {
  #url;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #answerTimer;

  /**
   * @param {string} url
   * @param {ConnectionListener} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
    addEventListener('online', () => this.retry());
    addEventListener('offline', () => this.#socket?.close());
    // Browsers throttle timers in the background, so a page that becomes visible retries at once.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.retry();
    });
  }

  /** Opens the connection at once, unless it is open or being opened. */
  retry() {
    if (this.#socket !== null) return;
    clearTimeout(this.#timer);
    this.#listener.onConnecting();
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    // A browser may wait minutes for a network that drops packets.
    const openTimer = setTimeout(() => socket.close(), openTimeoutMs);
    socket.addEventListener('open', () => {
      clearTimeout(openTimer);
      this.expectAnswer();
    });
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', () => {
      clearTimeout(openTimer);
      this.#lose();
    });
  }

  /**
   * @param {ClientMessage} message
   * @returns {boolean} false when there is no connection
   */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * Reconnects if the server does not answer within 5 s: the request may be lost with a killed process.
   * Called by the class itself for `init`, the first message of a connection.
   */
  expectAnswer() {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#socket?.close(), answerTimeoutMs);
  }

  /** The expected answer has arrived. */
  handleAnswer() {
    clearTimeout(this.#answerTimer);
  }

  /** @param {string} data */
  #receive(data) {
    // Reset by a message, not by `open`: a gateway without workers may accept and close at once.
    this.#attempt = 0;
    this.#listener.onMessage(JSON.parse(data));
  }

  #lose() {
    this.#socket = null;
    clearTimeout(this.#answerTimer);
    const delayMs = toReconnectDelay(this.#attempt);
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.retry(), delayMs);
    this.#listener.onLost(delayMs);
  }
}
