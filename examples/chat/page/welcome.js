// @ts-check
import { find } from './elements.js';

/**
 * @typedef {object} Place
 * @property {string} name
 * @property {string} room
 */

/** The dialog that asks for a name and a room. */
export class Welcome {
  #dialog = find('welcome', HTMLDialogElement);
  #name = find('name', HTMLInputElement);
  #room = find('room', HTMLInputElement);
  #problem = find('welcome-problem', HTMLElement);
  #cancel = find('cancel-welcome', HTMLButtonElement);

  /** @param {(place: Place) => void} enter */
  constructor(enter) {
    find('welcome-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const place = { name: this.#name.value.trim(), room: this.#room.value.trim() };
      if (place.name === '' || place.room === '') {
        this.#showProblem('Please choose a name and a room.');
        return;
      }
      this.close();
      enter(place);
    });
    this.#cancel.addEventListener('click', () => this.close());
    this.#dialog.addEventListener('cancel', (event) => {
      // The first dialog cannot be cancelled: the chat needs a name.
      if (this.#cancel.hidden) event.preventDefault();
    });
  }

  /** @param {{ readonly name: number, readonly room: number }} limits */
  setLimits({ name, room }) {
    this.#name.maxLength = name;
    this.#room.maxLength = room;
  }

  /**
   * @param {Place} place initial values of the fields
   * @param {{ canCancel: boolean, problem?: string }} options
   */
  open({ name, room }, { canCancel, problem = '' }) {
    this.#name.value = name;
    this.#room.value = room;
    this.#cancel.hidden = !canCancel;
    this.#dialog.classList.toggle('over-chat', canCancel);
    this.#showProblem(problem);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#name.focus();
    this.#name.select();
  }

  close() {
    this.#dialog.close();
  }

  /** @param {string} problem */
  #showProblem(problem) {
    this.#problem.hidden = problem === '';
    this.#problem.textContent = problem;
  }
}
