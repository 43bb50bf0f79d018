// @ts-check
import { connect } from '/sdk/index.js';
import { Composer } from './composer.js';
import { ConnectionState } from './connection-state.js';
import { Conversation } from './conversation.js';
import { createName, fillAvatar, find } from './elements.js';
import { PeopleList } from './people.js';
import { RoomList } from './rooms.js';
import { Sidebar } from './sidebar.js';
import { load, save } from './tab-storage.js';
import { Welcome } from './welcome.js';

/**
 * @typedef {import('../server-message.ts').Person} Person
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 * @typedef {import('/sdk/index.js').Client<import('../server-message.ts').ChatProtocol>} ChatClient
 * @typedef {import('./welcome.js').Place} Place
 *
 * @typedef {object} SavedMessages
 * @property {string} room
 * @property {import('./conversation.js').ShownMessage[]} messages
 *
 * @typedef {object} Config
 * @property {number} gatewayPort
 * @property {typeof import('../client-message.ts').messageLimits} limits
 */

const page = document.documentElement;
const problem = find('problem', HTMLElement);
const roomName = find('room-name', HTMLElement);
const config = await loadConfig();

/** The name and room that the user chose; sent as `enter` in every new session. @type {Place | null} */
let wanted = loadPlace();
/** The name and room that the server confirmed last. @type {Place | null} */
let entered = null;
let isEntering = false;
/** Messages of the wanted room that arrived before `entered`; they are newer than its list. @type {ServerMessage[]} */
let pending = [];
/** The room whose messages are shown. */
let shownRoom = '';
let unread = 0;

const sidebar = new Sidebar();
const welcome = new Welcome(enter);
const rooms = new RoomList((room) => {
  sidebar.close();
  if (wanted !== null) enter({ name: wanted.name, room });
});
const people = new PeopleList(writeTo);
const conversation = new Conversation(writeTo);
const composer = new Composer({
  send,
  onRecipientChange: (person) => people.mark(person?.id ?? null),
});
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const url = `${scheme}://${location.hostname}:${config.gatewayPort}`;
const state = new ConnectionState();
const client = /** @type {ChatClient} */ (connect(url, { storage: 'session' }));
client.on('open', ({ resumed, reason }) => {
  page.dataset.clientId = client.clientId;
  state.showConnected();
  if (!resumed) startSession(reason);
  // A page that was loaded again does not know who is in the room.
  else if (entered === null && wanted !== null) enter(wanted);
});
client.on('down', ({ retryInMs }) => state.showLost(retryInMs));
client.on('message', receive);
client.on('gap', () => conversation.addNotice('Some messages are missing here.'));
client.on('closed', ({ reason }) => {
  state.showClosed();
  showProblem(`The chat has ended: ${reason || 'please reload the page'}.`);
});

welcome.setLimits(config.limits);
composer.setLimit(config.limits.text);
find('other-room', HTMLInputElement).maxLength = config.limits.room;
find('change-name', HTMLButtonElement).addEventListener('click', () => {
  sidebar.close();
  if (wanted !== null) welcome.open(wanted, { canCancel: true });
});
find('close-problem', HTMLButtonElement).addEventListener('click', () => showProblem(''));
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector('dialog[open]') !== null) return;
  if (sidebar.isOpen) sidebar.close();
  else if (composer.recipient !== null) composer.setRecipient(null);
});
addEventListener('pagehide', () => {
  save('messages', { room: shownRoom, messages: conversation.recent });
});
document.addEventListener('visibilitychange', () => {
  unread = 0;
  showTitle();
});

if (wanted === null) welcome.open({ name: '', room: 'lobby' }, { canCancel: false });
else {
  roomName.textContent = wanted.room;
  composer.setRoom(wanted.room);
  restoreMessages(wanted.room);
}

/** @returns {Promise<Config>} */
async function loadConfig() {
  try {
    const response = await fetch('config.json');
    if (!response.ok) throw new Error(`GET config.json failed with status ${response.status}`);
    return await response.json();
  } catch (error) {
    showProblem('The chat could not be loaded. Please reload the page.');
    throw error;
  }
}

/**
 * Begins a session: the server does not know this page yet.
 *
 * @param {string} reason why the previous session has ended; empty if there was none
 */
function startSession(reason) {
  if (reason !== '')
    conversation.addNotice('Connected again. What was said meanwhile is not shown.');
  // What was not sent waits in `send`, because the server rejects it before `enter`.
  client.clearQueue();
  if (wanted !== null) enter(wanted);
}

/** @param {Place} place */
function enter(place) {
  wanted = place;
  if (entered === null) roomName.textContent = place.room;
  showProblem('');
  pending = [];
  isEntering = true;
  composer.setReady(false);
  // If it fails, the next session sends it again.
  void client.send({ type: 'enter', ...place });
}

/** @param {ServerMessage} message */
function receive(message) {
  switch (message.type) {
    case 'entered':
      return finishEntering(message);
    case 'error':
      return receiveError(message);
    case 'whispered':
      return showMessage(message, message.to);
    default:
      if (isEntering && message.room === wanted?.room) pending.push(message);
      else if (message.room === entered?.room) receiveFromRoom(message);
  }
}

/** @param {Extract<ServerMessage, { type: 'entered' }>} message */
function finishEntering({ name, room, people: present }) {
  entered = wanted = { name, room };
  isEntering = false;
  save('place', entered);
  roomName.textContent = room;
  find('own-name', HTMLElement).textContent = name;
  fillAvatar(find('own-avatar', HTMLElement), name);
  people.replace(present, client.clientId);
  rooms.show(room);
  composer.setRoom(room);
  composer.setReady(true);
  if (room !== shownRoom) {
    shownRoom = room;
    conversation.clear();
    composer.setRecipient(null);
  }
  for (const message of pending.splice(0)) receiveFromRoom(message);
  checkRecipient();
  unread = 0;
  showTitle();
}

/**
 * Shows the messages of a room that this tab showed before a reload.
 *
 * @param {string} room
 */
function restoreMessages(room) {
  const saved = /** @type {SavedMessages | null} */ (load('messages'));
  if (saved?.room !== room || !Array.isArray(saved.messages)) return;
  shownRoom = room;
  for (const message of saved.messages) conversation.addMessage(message);
}

/** @param {ServerMessage} message */
function receiveFromRoom(message) {
  switch (message.type) {
    case 'joined':
      if (people.has(message.person.id)) return;
      people.add(message.person);
      showPresence(message);
      return checkRecipient();
    case 'left':
      if (!people.has(message.person.id)) return;
      // Before the removal: the tag that distinguishes equal names is derived from the list.
      showPresence(message);
      people.remove(message.person);
      return checkRecipient();
    case 'said':
      return showMessage(message);
  }
}

/** @param {Extract<ServerMessage, { type: 'joined' | 'left' }>} message */
function showPresence({ type, person, time }) {
  conversation.addPresence(time, type, createName(person.name, people.toTag(person)));
}

function checkRecipient() {
  composer.checkRecipient((id) => people.has(id));
  people.mark(composer.recipient?.id ?? null);
}

/**
 * @param {{ from: Person, text: string, time: number }} message
 * @param {Person} [privatelyTo]
 */
function showMessage({ from, text, time }, privatelyTo) {
  const isOwn = from.id === client.clientId;
  const shown = { from, text, time, isOwn, tag: people.toTag(from) };
  if (privatelyTo === undefined) conversation.addMessage(shown);
  else conversation.addMessage({ ...shown, privatelyTo, recipientTag: people.toTag(privatelyTo) });
  if (document.hidden && !isOwn) {
    unread += 1;
    showTitle();
  }
}

/**
 * @param {string} text
 * @param {Person | null} to
 */
function send(text, to) {
  /** @type {import('../client-message.ts').ClientMessage} */
  const message = to === null ? { type: 'say', text } : { type: 'whisper', to: to.id, text };
  showProblem('');
  // With a connection, the answer is here at once.
  const remove = client.state === 'open' ? () => {} : conversation.addWaiting(text);
  client.send(message).then(remove, (error) => {
    remove();
    // After the `enter` of the new session.
    if (error.code === 'cleared') send(text, to);
    else showProblem(`This may not have been sent: ${text}`);
  });
}

/** @param {Person} person */
function writeTo(person) {
  sidebar.close();
  composer.setRecipient(person, people.toTag(person));
  checkRecipient();
}

/** @param {Extract<ServerMessage, { type: 'error' }>} message */
function receiveError({ about, text }) {
  if (about !== 'enter') return showProblem(text);
  isEntering = false;
  composer.setReady(entered !== null);
  welcome.open(wanted ?? { name: '', room: '' }, { canCancel: entered !== null, problem: text });
  wanted = entered;
}

/** @param {string} text */
function showProblem(text) {
  problem.hidden = text === '';
  find('problem-text', HTMLElement).textContent = text;
}

function showTitle() {
  const title = entered === null ? 'Chat' : `#${entered.room} · Chat`;
  document.title = unread === 0 ? title : `(${unread}) ${title}`;
}

/** @returns {Place | null} */
function loadPlace() {
  const place = load('place');
  if (typeof place !== 'object' || place === null) return null;
  const { name, room } = /** @type {Record<string, unknown>} */ (place);
  return typeof name === 'string' && typeof room === 'string' ? { name, room } : null;
}
