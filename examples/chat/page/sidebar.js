// @ts-check
import { find } from './elements.js';

/** Rooms and people: a column on a wide screen, a drawer on a narrow screen. */
export class Sidebar {
  #sidebar = find('sidebar', HTMLElement);
  #conversation = find('conversation', HTMLElement);
  #backdrop = find('backdrop', HTMLElement);
  #openButton = find('open-sidebar', HTMLButtonElement);
  #closeButton = find('close-sidebar', HTMLButtonElement);
  // The style sheet changes the layout at the same width.
  #narrow = matchMedia('(max-width: 760px)');
  #isOpen = false;

  constructor() {
    this.#openButton.addEventListener('click', () => this.#set(true));
    this.#closeButton.addEventListener('click', () => this.close());
    this.#backdrop.addEventListener('click', () => this.close());
    this.#narrow.addEventListener('change', () => this.#set(false));
    this.#set(false);
  }

  get isOpen() {
    return this.#isOpen;
  }

  close() {
    if (!this.#isOpen) return;
    this.#set(false);
    this.#openButton.focus();
  }

  /** @param {boolean} isOpen */
  #set(isOpen) {
    this.#isOpen = isOpen;
    this.#sidebar.classList.toggle('open', isOpen);
    this.#openButton.setAttribute('aria-expanded', String(isOpen));
    // Inert: keyboard and screen readers must not reach the hidden part.
    this.#sidebar.inert = this.#narrow.matches && !isOpen;
    this.#conversation.inert = isOpen;
    if (isOpen) this.#closeButton.focus();
  }
}
