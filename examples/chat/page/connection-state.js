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

  /** @param {() => void} retry */
  constructor(retry) {
    find('retry', HTMLButtonElement).addEventListener('click', retry);
  }

  showConnecting() {
    clearInterval(this.#countdown);
    this.#show('connecting', this.#hasConnected ? 'Reconnecting…' : 'Connecting…');
    this.#bannerText.textContent = 'Trying to reach the chat…';
  }

  showConnected() {
    this.#hasConnected = true;
    this.#show('open', 'Connected');
    this.#banner.hidden = true;
  }

  /** @param {number} delayMs time until the next attempt */
  showLost(delayMs) {
    this.#show('lost', 'Reconnecting…');
    if (delayMs < shownWaitMs) return;
    this.#banner.hidden = false;
    const until = Date.now() + delayMs;
    const tick = () => {
      const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
      this.#bannerText.textContent = `No connection. Next attempt in ${seconds} s.`;
    };
    tick();
    this.#countdown = setInterval(tick, 1000);
  }

  /**
   * @param {'connecting' | 'open' | 'lost'} state
   * @param {string} text
   */
  #show(state, text) {
    clearInterval(this.#countdown);
    document.documentElement.dataset.connection = state;
    // Screen readers announce every write to this element, so an equal text is not written again.
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
