// @ts-check
import { create, createName, find } from './elements.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 *
 * @typedef {object} ComposerListener
 * @property {(text: string, to: Person | null) => void} send
 * @property {(to: Person | null) => void} onRecipientChange
 */

/** The message field: writes to the room, or privately to one person. */
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
  #isReady = false;
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
      // While an input method is composing, Enter confirms a word and must not send.
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

  /** @param {boolean} isReady true in a room, also without a connection */
  setReady(isReady) {
    this.#isReady = isReady;
    this.#update();
  }

  /** @param {string} room */
  setRoom(room) {
    this.#room = room;
    this.#update();
  }

  /**
   * @param {Person | null} person the recipient of private messages; null for the room
   * @param {string} [tag] distinguishes people with the same name
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
   * Private mode stays if the recipient leaves, so that the next message does not go to the room.
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
    if (text === '' || !this.#isReady || this.#isRecipientGone) return;
    this.#listener.send(text, this.#recipient);
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
    this.#sendButton.disabled = isEmpty || !this.#isReady || this.#isRecipientGone;
  }

  /** @param {Person} recipient */
  #describe({ name }) {
    const words = this.#isRecipientGone ? ' has left the room' : ' alone will read this';
    this.#private.classList.toggle('gone', this.#isRecipientGone);
    const description = create('span', '', createName(name, this.#recipientTag), words);
    // Screen readers announce every change of this element, so an equal text is not written again.
    if (this.#privateText.textContent === description.textContent) return;
    this.#privateText.replaceChildren(description);
  }
}
