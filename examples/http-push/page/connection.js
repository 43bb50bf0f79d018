// @ts-check
import { connect } from '/sdk/index.js';
import { callApp } from './app.js';

/** Pause before a failed request to bind is retried, in milliseconds. */
const retryMs = 1000;

/**
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 * @typedef {import('/sdk/index.js').Client<import('../server-message.ts').PushProtocol>} PushClient
 *
 * @typedef {object} ConnectionListener
 * @property {() => void} onBound this page receives pushes from now on
 * @property {(message: ServerMessage) => void} onMessage
 * @property {() => void} onLost the client connects again
 * @property {() => void} onLoggedOut the user is not logged in; the client does not connect again
 */

/** A session that the app binds to the user. It stays bound when its connection is lost and resumes. */
export class Connection {
  #url;
  #listener;
  /** @type {PushClient | undefined} */
  #client;
  #isBound = false;

  /**
   * @param {string} url
   * @param {ConnectionListener} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Connects, and stays connected. */
  start() {
    const client = /** @type {PushClient} */ (connect(this.#url));
    this.#client = client;
    client.on('open', ({ resumed }) => {
      // The first message of a new session follows: see `receive`.
      if (!resumed) this.#isBound = false;
      if (this.#isBound) this.#listener.onBound();
    });
    client.on('message', (message) => {
      if (message.type === 'init') void this.#bind(client, message);
      else this.#listener.onMessage(message);
    });
    client.on('down', () => this.#listener.onLost());
    // The app has closed it, because the user has logged out on another page.
    client.on('closed', () => client === this.#client && this.#listener.onLoggedOut());
  }

  /** Ends the session. */
  stop() {
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }

  /**
   * @param {PushClient} client
   * @param {Extract<ServerMessage, { type: 'init' }>} message
   */
  async #bind(client, { clientId, token }) {
    try {
      await callApp('bind', { clientId, token });
      if (client.clientId !== clientId) return;
      this.#isBound = true;
      document.documentElement.dataset.clientId = clientId;
      if (client.state === 'open') this.#listener.onBound();
    } catch (error) {
      if (client !== this.#client || client.clientId !== clientId) return;
      const status = error instanceof Error && 'status' in error ? Number(error.status) : 0;
      if (status === 401) {
        this.stop();
        this.#listener.onLoggedOut();
      } else if (status >= 400 && status < 500) {
        // The token cannot be used any more: a new session gets another one.
        this.stop();
        this.start();
      } else setTimeout(() => this.#bind(client, { type: 'init', clientId, token }), retryMs);
    }
  }
}
