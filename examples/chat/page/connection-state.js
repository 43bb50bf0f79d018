// @ts-check
import { find } from './elements.js';

/** Shorter waits are not shown: they end before the user could read the text, in milliseconds. */
const shownWaitMs = 1000;

/** Shows the state of the connection, and the time until the next attempt. */
export class ConnectionState {
  #text = find('connection', HTMLElement);
  #banner = find('banner', HTMLElement);
  #bannerText = find('banner-text', HTMLElement);
  #hasConnected = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;

  showConnected() {
    this.#hasConnected = true;
    this.#show('open', 'Connected');
    this.#banner.hidden = true;
  }

  /** @param {number} delayMs time until the next attempt */
  showLost(delayMs) {
    this.#show('lost', this.#hasConnected ? 'Reconnecting…' : 'Connecting…');
    if (delayMs < shownWaitMs) return;
    this.#banner.hidden = false;
    const until = Date.now() + delayMs;
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      const next = seconds > 0 ? `Next attempt in ${seconds} s.` : 'Trying to reach the chat…';
      this.#bannerText.textContent = navigator.onLine
        ? `No connection. ${next}`
        : 'No network. What you write is sent when it is back.';
    };
    tick();
    this.#countdown = setInterval(tick, 1000);
  }

  showClosed() {
    this.#show('closed', 'Ended');
    this.#banner.hidden = true;
  }

  /**
   * @param {'open' | 'lost' | 'closed'} state
   * @param {string} text
   */
  #show(state, text) {
    clearInterval(this.#countdown);
    document.documentElement.dataset.connection = state;
    // Screen readers announce every write to this element, so an equal text is not written again.
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
