// @ts-check
import { create, createName, find } from './elements.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 *
 * @typedef {object} ComposerListener
 * @property {(text: string, to: Person | null) => boolean} send false keeps what was written
 * @property {(to: Person | null) => void} onRecipientChange
 */

/** Where one writes: to the room, or privately to one person. */
export class Composer {
  #form = find('composer', HTMLFormElement);
  #field = find('message', HTMLTextAreaElement);
  #frame = find('field', HTMLElement);
  #label = find('message-label', HTMLElement);
  #sendButton = find('send', HTMLButtonElement);
  #private = find('private', HTMLElement);
  #privateText = find('private-text', HTMLElement);
  #listener;
  /** @type {Person | null} */
  #recipient = null;
  #recipientTag = '';
  #isRecipientGone = false;
  #isOnline = false;
  #room = '';

  /** @param {ComposerListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener('input', () => this.#update());
    this.#field.addEventListener('keydown', (event) => {
      // Enter while an input method composes a word ends the word, not the message.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    find('leave-private', HTMLButtonElement).addEventListener('click', () =>
      this.setRecipient(null),
    );
  }

  get recipient() {
    return this.#recipient;
  }

  /** @param {number} limit */
  setLimit(limit) {
    this.#field.maxLength = limit;
  }

  /** @param {boolean} isOnline */
  setOnline(isOnline) {
    this.#isOnline = isOnline;
    this.#update();
  }

  /** @param {string} room */
  setRoom(room) {
    this.#room = room;
    this.#update();
  }

  /**
   * @param {Person | null} person whom to write to privately; null for the room
   * @param {string} [tag] tells people of the same name apart
   */
  setRecipient(person, tag = '') {
    this.#recipient = person;
    this.#recipientTag = tag;
    this.#isRecipientGone = false;
    this.#update();
    this.#listener.onRecipientChange(person);
    this.focus();
  }

  /**
   * The mode stays when the person goes: the next line was meant for one person, not for the room.
   *
   * @param {(id: string) => boolean} isHere
   */
  checkRecipient(isHere) {
    this.#isRecipientGone = this.#recipient !== null && !isHere(this.#recipient.id);
    this.#update();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  #submit() {
    const text = this.#field.value.trim();
    if (text === '' || this.#isRecipientGone) return;
    if (!this.#listener.send(text, this.#recipient)) return;
    this.#field.value = '';
    this.#update();
  }

  #update() {
    this.#frame.dataset.text = this.#field.value;
    const recipient = this.#recipient;
    this.#private.hidden = recipient === null;
    this.#form.classList.toggle('to-one', recipient !== null);
    if (recipient === null) {
      this.#label.textContent = 'Message to the room';
      this.#field.placeholder = `Message #${this.#room}`;
    } else {
      this.#label.textContent = `Private message to ${recipient.name}`;
      this.#field.placeholder = `Private message to ${recipient.name}`;
      this.#describe(recipient);
    }
    const isEmpty = this.#field.value.trim() === '';
    this.#sendButton.disabled = isEmpty || !this.#isOnline || this.#isRecipientGone;
  }

  /** @param {Person} recipient */
  #describe({ name }) {
    const words = this.#isRecipientGone ? ' has left the room' : ' alone will read this';
    this.#private.classList.toggle('gone', this.#isRecipientGone);
    const description = create('span', '', createName(name, this.#recipientTag), words);
    // Announced by screen readers when it changes, hence untouched while it says the same.
    if (this.#privateText.textContent === description.textContent) return;
    this.#privateText.replaceChildren(description);
  }
}
