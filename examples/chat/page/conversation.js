// @ts-check
import { create, createButton, createIcon, createName, fillAvatar, find } from './elements.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 *
 * @typedef {object} ShownMessage
 * @property {Person} from
 * @property {string} tag distinguishes people with the same name; usually empty
 * @property {string} text
 * @property {number} time
 * @property {boolean} isOwn
 * @property {Person} [privatelyTo] the recipient of a private message
 * @property {string} [recipientTag]
 *
 * @typedef {object} PresenceNotice one line for people who joined, or left, at about the same time
 * @property {'joined' | 'left'} verb
 * @property {number} time
 * @property {Node[][]} names
 * @property {number} more number of people whose names are not shown
 * @property {HTMLElement | null} element
 */

const mostEntries = 500;
/** Messages that are restored after a reload of the page. */
const mostRecent = 100;
/** Consecutive messages of one person within this time share an avatar and a name, up to this many. */
const groupMs = 5 * 60_000;
const mostInGroup = 8;
/** People who join, or leave, within this time share one line, which shows up to this many names. */
const presenceMs = 60_000;
const mostNames = 3;
/** A scroll position within this many pixels of the end counts as the end. */
const endTolerance = 48;

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const link = /(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}])/u;
const onlyEmoji = /^(?:\p{RGI_Emoji}\uFE0F?\s*){1,3}$/v;

/** The log of messages and notices. */
export class Conversation {
  #log = find('log', HTMLElement);
  #empty = find('empty', HTMLElement);
  #latest = find('latest', HTMLButtonElement);
  #latestText = find('latest-text', HTMLElement);
  #isAtEnd = true;
  #height = 0;
  #unseen = 0;
  /** @type {ShownMessage | null} */
  #previous = null;
  /** Number of messages in the current group. */
  #groupSize = 0;
  /** The newest messages, oldest first. @type {ShownMessage[]} */
  #recent = [];
  /** The last entry, if it is a presence notice. @type {PresenceNotice | null} */
  #presence = null;
  #reply;

  /** @param {(person: Person) => void} reply called with the recipient of a private reply */
  constructor(reply) {
    this.#reply = reply;
    this.#log.addEventListener('scroll', () => this.#handleScroll(), { passive: true });
    this.#latest.addEventListener('click', () => this.#scrollToEnd());
    // When the on-screen keyboard opens, the newest message must stay visible.
    new ResizeObserver(() => {
      this.#height = this.#log.clientHeight;
      if (this.#isAtEnd) this.#scrollToEnd();
    }).observe(this.#log);
  }

  /** The newest messages, for a restore after a reload of the page. */
  get recent() {
    return this.#recent;
  }

  clear() {
    this.#log.replaceChildren();
    this.#recent = [];
    this.#previous = null;
    this.#presence = null;
    this.#empty.hidden = false;
    this.#scrollToEnd();
  }

  /** @param {ShownMessage} message */
  addMessage(message) {
    const element = create('article', 'message');
    element.classList.toggle('own', message.isOwn);
    element.classList.toggle('private-message', message.privatelyTo !== undefined);
    const isFirst = this.#groupSize >= mostInGroup || !this.#continuesPrevious(message);
    this.#groupSize = isFirst ? 1 : this.#groupSize + 1;
    this.#recent.push(message);
    if (this.#recent.length > mostRecent) this.#recent.shift();
    element.classList.toggle('first', isFirst);
    if (!message.isOwn) {
      const avatar = create('span', 'avatar');
      avatar.setAttribute('aria-hidden', 'true');
      if (isFirst) fillAvatar(avatar, message.from.name);
      element.append(avatar);
    }
    element.append(this.#createBubble(message, isFirst));
    this.#previous = message;
    this.#presence = null;
    this.#append(element, message.isOwn, !message.isOwn);
  }

  /**
   * Adds an own message that waits for the connection.
   *
   * @param {string} text
   * @returns {() => void} removes it
   */
  addWaiting(text) {
    const words = create('span', 'text', text);
    const body = create('div', 'body', words, create('span', 'waiting-note', 'waiting'));
    body.dir = 'auto';
    const element = create('article', 'message own first waiting', create('div', 'bubble', body));
    this.#previous = null;
    this.#append(element, true, false);
    return () => element.remove();
  }

  /**
   * Adds a line of the page itself.
   *
   * @param {string} text
   */
  addNotice(text) {
    this.#previous = null;
    this.#presence = null;
    this.#append(createNotice(Date.now(), text), false, false);
  }

  /**
   * Adds a notice that a person joined or left. Notices within a minute are merged into one line, because
   * all clients of a gateway that dies leave and rejoin at once.
   *
   * @param {number} time
   * @param {'joined' | 'left'} verb
   * @param {DocumentFragment} name
   */
  addPresence(time, verb, name) {
    const last = this.#presence;
    const continues = last !== null && last.verb === verb && time - last.time < presenceMs;
    const presence = continues ? last : { verb, time, names: [], more: 0, element: null };
    if (presence.names.length < mostNames) presence.names.push([...name.childNodes]);
    else presence.more += 1;
    const names = presence.names.flatMap((nodes, i) => (i === 0 ? nodes : [', ', ...nodes]));
    const more = presence.more === 0 ? '' : ` and ${presence.more} more`;
    const notice = createNotice(presence.time, ...names, more, ` ${verb}`);
    this.#previous = null;
    presence.element?.remove();
    presence.element = notice;
    this.#presence = presence;
    this.#append(notice, false, false);
  }

  /**
   * @param {ShownMessage} message
   * @param {boolean} isFirst
   */
  #createBubble(message, isFirst) {
    const { from, tag, text, time, isOwn } = message;
    const author = create('p', 'author', createName(isOwn ? 'You' : from.name, tag));
    author.classList.toggle('visually-hidden', isOwn || !isFirst);
    const words = create('span', 'text', ...createLinks(text));
    words.classList.toggle('large', onlyEmoji.test(text));
    const body = create('div', 'body', words, createTime(time));
    body.dir = 'auto';
    const bubble = create('div', 'bubble', author, body);
    if (message.privatelyTo !== undefined) body.before(this.#createPrivacy(message));
    return bubble;
  }

  /** @param {ShownMessage} message */
  #createPrivacy({ from, isOwn, privatelyTo, recipientTag = '' }) {
    const line = create('p', 'privacy', createIcon('lock'));
    if (isOwn) {
      const name = createName(privatelyTo?.name ?? '', recipientTag);
      line.append(create('span', '', 'Only to ', name));
    } else {
      const reply = createButton('text-button', () => this.#reply(from), 'Reply');
      line.append(create('span', '', 'Only to you'), reply);
    }
    return line;
  }

  /** @param {ShownMessage} message */
  #continuesPrevious({ from, time, privatelyTo }) {
    const previous = this.#previous;
    if (previous === null || previous.from.id !== from.id) return false;
    return previous.privatelyTo?.id === privatelyTo?.id && time - previous.time < groupMs;
  }

  /**
   * @param {HTMLElement} entry
   * @param {boolean} alwaysScroll
   * @param {boolean} counts whether it is counted as unseen if the log is scrolled up
   */
  #append(entry, alwaysScroll, counts) {
    const follow = this.#isAtEnd || alwaysScroll;
    this.#empty.hidden = true;
    this.#log.append(entry);
    while (this.#log.childElementCount > mostEntries) this.#log.firstElementChild?.remove();
    if (follow) this.#scrollToEnd();
    else if (counts) this.#showUnseen(this.#unseen + 1);
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#isAtEnd = true;
    this.#showUnseen(0);
  }

  #handleScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    // The log was resized, not scrolled: the ResizeObserver handles it.
    if (clientHeight !== this.#height) return;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < endTolerance;
    this.#showUnseen(this.#isAtEnd ? 0 : this.#unseen);
  }

  /** @param {number} count */
  #showUnseen(count) {
    this.#unseen = count;
    this.#latest.hidden = this.#isAtEnd;
    const words = count === 1 ? '1 new message' : `${count} new messages`;
    this.#latestText.textContent = count === 0 ? 'Latest' : words;
  }
}

/**
 * Splits a text at its URLs, which become links without a referrer.
 *
 * @param {string} text
 */
function createLinks(text) {
  // split() with a capture group puts the URLs at odd indexes.
  return text.split(link).map((part, index) => {
    if (index % 2 === 0) return part;
    const anchor = create('a', '', part);
    anchor.href = part;
    anchor.target = '_blank';
    anchor.rel = 'noopener noreferrer';
    return anchor;
  });
}

/**
 * @param {number} time
 * @param {...(Node | string)} content
 */
function createNotice(time, ...content) {
  return create('p', 'notice', create('span', '', ...content), createTime(time));
}

/** @param {number} time */
function createTime(time) {
  const date = new Date(time);
  const element = create('time', '', timeFormat.format(date));
  element.dateTime = date.toISOString();
  element.title = dateFormat.format(date);
  return element;
}
