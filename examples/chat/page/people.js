// @ts-check
import { create, createButton, createIcon, createName, fillAvatar, find } from './elements.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 *
 * @typedef {object} Entry
 * @property {Person} person
 * @property {HTMLLIElement} row
 */

const collator = new Intl.Collator();

/** The people in the room, sorted by name. */
export class PeopleList {
  #list = find('people', HTMLUListElement);
  #count = find('people-count', HTMLElement);
  #summary = find('room-people', HTMLElement);
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, Set<string>>} */
  #idsByName = new Map();
  /** The entries in display order. @type {Entry[]} */
  #ordered = [];
  #ownId = '';
  #choose;

  /** @param {(person: Person) => void} choose called with the recipient of private messages */
  constructor(choose) {
    this.#choose = choose;
  }

  /** @param {string} id */
  has(id) {
    return this.#entries.has(id);
  }

  /**
   * Returns the end of the id if other people have the same name, otherwise an empty string.
   *
   * @param {Person} person
   */
  toTag({ id, name }) {
    const ids = this.#idsByName.get(name) ?? new Set();
    return ids.size > (ids.has(id) ? 1 : 0) ? id.slice(-4) : '';
  }

  /**
   * Shows exactly these people.
   *
   * @param {readonly Person[]} people
   * @param {string} ownId
   */
  replace(people, ownId) {
    this.#ownId = ownId;
    this.#entries = new Map();
    this.#idsByName = new Map();
    for (const person of people) this.#register({ person, row: this.#createRow(person) });
    this.#ordered = [...this.#entries.values()].sort((a, b) => this.#compare(a.person, b.person));
    this.#list.replaceChildren(...this.#ordered.map(({ row }) => row));
    for (const name of this.#idsByName.keys()) this.#showTags(name);
    this.#showCount();
  }

  /** @param {Person} person */
  add(person) {
    const previous = this.#entries.get(person.id);
    if (previous !== undefined) this.remove(previous.person);
    const entry = { person, row: this.#createRow(person) };
    // Inserted without rebuilding the list, which would lose the keyboard focus.
    const index = this.#findIndex(person);
    this.#list.insertBefore(entry.row, this.#ordered[index]?.row ?? null);
    this.#ordered.splice(index, 0, entry);
    this.#register(entry);
    this.#showTags(person.name);
    this.#showCount();
  }

  /** @param {Person} person */
  remove({ id, name }) {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.row.remove();
    this.#ordered.splice(this.#ordered.indexOf(entry), 1);
    this.#entries.delete(id);
    this.#idsByName.get(name)?.delete(id);
    this.#showTags(name);
    this.#showCount();
  }

  /**
   * Marks the recipient of private messages.
   *
   * @param {string | null} id
   */
  mark(id) {
    for (const button of this.#list.querySelectorAll('[aria-pressed="true"]')) {
      button.setAttribute('aria-pressed', 'false');
    }
    const row = id === null ? undefined : this.#entries.get(id)?.row;
    row?.querySelector('button')?.setAttribute('aria-pressed', 'true');
  }

  /** @param {Entry} entry */
  #register(entry) {
    const { id, name } = entry.person;
    this.#entries.set(id, entry);
    const ids = this.#idsByName.get(name);
    if (ids === undefined) this.#idsByName.set(name, new Set([id]));
    else ids.add(id);
  }

  /** @param {Person} person */
  #createRow(person) {
    const avatar = create('span', 'avatar');
    avatar.setAttribute('aria-hidden', 'true');
    fillAvatar(avatar, person.name);
    const name = create('span', 'row-name', createName(person.name, ''));
    if (person.id === this.#ownId) {
      return create('li', 'row own', avatar, name, create('span', 'row-note', 'you'));
    }
    const hint = create('span', 'row-hint', createIcon('lock'));
    const button = createButton('row', () => this.#choose(person), avatar, name, hint);
    button.setAttribute('aria-pressed', 'false');
    button.title = `Write to ${person.name} privately`;
    return create('li', '', button);
  }

  /** @param {Person} person */
  #findIndex(person) {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#ordered[middle];
      if (entry !== undefined && this.#compare(entry.person, person) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Sorts the user first, then by name, then by id.
   *
   * @param {Person} a
   * @param {Person} b
   */
  #compare(a, b) {
    if (a.id === this.#ownId) return -1;
    if (b.id === this.#ownId) return 1;
    return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  }

  /** @param {string} name */
  #showTags(name) {
    for (const id of this.#idsByName.get(name) ?? []) {
      const entry = this.#entries.get(id);
      const tag = entry?.row.querySelector('.tag');
      if (entry !== undefined && tag instanceof HTMLElement) {
        tag.textContent = this.toTag(entry.person);
      }
    }
  }

  #showCount() {
    const count = this.#entries.size;
    this.#count.textContent = String(count);
    this.#summary.textContent = count === 1 ? 'Only you' : `${count} people`;
  }
}
