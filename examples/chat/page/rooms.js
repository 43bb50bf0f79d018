// @ts-check
import { create, createButton, find } from './elements.js';
import { load, save } from './tab-storage.js';

const suggestedRooms = ['lobby', 'kitchen', 'garden'];
const mostRooms = 12;

/** The list of rooms: suggestions and the rooms that this tab has visited. */
export class RoomList {
  #list = find('rooms', HTMLUListElement);
  #rooms = readRooms();
  #choose;

  /** @param {(room: string) => void} choose called with the selected room */
  constructor(choose) {
    this.#choose = choose;
    const form = find('room-form', HTMLFormElement);
    const input = find('other-room', HTMLInputElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const room = input.value.trim();
      if (room === '') return;
      input.value = '';
      choose(room);
    });
    const suggestions = this.#rooms.map((room) =>
      Object.assign(create('option', ''), { value: room }),
    );
    find('room-suggestions', HTMLDataListElement).replaceChildren(...suggestions);
  }

  /**
   * Marks the current room, and adds it to the list.
   *
   * @param {string} current
   */
  show(current) {
    if (!this.#rooms.includes(current)) {
      this.#rooms = [...this.#rooms, current].slice(-mostRooms);
      save('rooms', this.#rooms);
    }
    this.#list.replaceChildren(
      ...this.#rooms.map((room) => this.#createRow(room, room === current)),
    );
  }

  /**
   * @param {string} room
   * @param {boolean} isCurrent
   */
  #createRow(room, isCurrent) {
    const hash = create('span', 'hash', '#');
    hash.setAttribute('aria-hidden', 'true');
    const name = create('span', 'row-name', create('bdi', '', room));
    const button = createButton('row', () => this.#choose(room), hash, name);
    if (isCurrent) button.setAttribute('aria-current', 'true');
    return create('li', '', button);
  }
}

/** @returns {string[]} */
function readRooms() {
  const rooms = load('rooms');
  const known = Array.isArray(rooms) ? rooms.filter((room) => typeof room === 'string') : [];
  return [...new Set([...suggestedRooms, ...known])];
}
