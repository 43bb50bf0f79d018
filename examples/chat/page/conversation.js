// @ts-check
import { create, createButton, createIcon, createName, fillAvatar, find } from './elements.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 *
 * @typedef {object} ShownMessage
 * @property {Person} from
 * @property {string} tag tells people of the same name apart; often empty
 * @property {string} text
 * @property {number} time
 * @property {boolean} isOwn
 * @property {Person} [privatelyTo] the recipient of a private message
 * @property {string} [recipientTag]
 *
 * @typedef {object} Movement
 * @property {'joined' | 'left'} verb
 * @property {number} time
 * @property {Node[][]} names
 * @property {number} more how many the line does not name
 * @property {HTMLElement | null} element
 */

const mostEntries = 500;
/** What a reload of the page keeps. */
const mostRecent = 100;
/** Messages of one person closer together than this, and at most so many, share one avatar and name. */
const groupMs = 5 * 60_000;
const mostInGroup = 8;
/** People who come or go closer together than this share one line, and this many are named in it. */
const movementMs = 60_000;
const mostNames = 3;
/** Nearer to the end than this many pixels counts as reading the newest. */
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
  /** Messages that share the name of the last one. */
  #groupSize = 0;
  /** The newest messages, oldest first. @type {ShownMessage[]} */
  #recent = [];
  /** The last entry, if it tells who came or went. @type {Movement | null} */
  #movement = null;
  #reply;

  /** @param {(person: Person) => void} reply called with the person to answer privately */
  constructor(reply) {
    this.#reply = reply;
    this.#log.addEventListener('scroll', () => this.#noticeScroll(), { passive: true });
    this.#latest.addEventListener('click', () => this.#scrollToEnd());
    // The keyboard of a phone takes half of the room: the newest message stays in sight.
    new ResizeObserver(() => {
      this.#height = this.#log.clientHeight;
      if (this.#isAtEnd) this.#scrollToEnd();
    }).observe(this.#log);
  }

  /** The newest messages, to be shown again after a reload of the page. */
  get recent() {
    return this.#recent;
  }

  clear() {
    this.#log.replaceChildren();
    this.#recent = [];
    this.#previous = null;
    this.#movement = null;
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
    this.#movement = null;
    this.#append(element, message.isOwn, !message.isOwn);
  }

  /**
   * Adds a line that nobody said.
   *
   * @param {string} text
   */
  addNotice(text) {
    this.#previous = null;
    this.#movement = null;
    this.#append(createNotice(Date.now(), text), false, false);
  }

  /**
   * Tells that somebody came or went. Many at once share a line: a gateway takes all of its people
   * along when it dies, and they are back a moment later.
   *
   * @param {number} time
   * @param {'joined' | 'left'} verb
   * @param {DocumentFragment} name
   */
  addMovement(time, verb, name) {
    const former = this.#movement;
    const continues = former !== null && former.verb === verb && time - former.time < movementMs;
    const movement = continues ? former : { verb, time, names: [], more: 0, element: null };
    if (movement.names.length < mostNames) movement.names.push([...name.childNodes]);
    else movement.more += 1;
    const names = movement.names.flatMap((nodes, i) => (i === 0 ? nodes : [', ', ...nodes]));
    const more = movement.more === 0 ? '' : ` and ${movement.more} more`;
    const notice = createNotice(movement.time, ...names, more, ` ${verb}`);
    this.#previous = null;
    movement.element?.remove();
    movement.element = notice;
    this.#movement = movement;
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
   * @param {boolean} counts whether somebody who reads further up is told about it
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

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    // The log was resized, nobody has scrolled: the observer is told in a moment.
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
 * The parts of a text: an address of the web can be followed, and its site does not learn of this page.
 *
 * @param {string} text
 */
function createLinks(text) {
  // Every other part is an address.
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
