// @ts-check
import { Composer } from './composer.js';
import { Connection } from './connection.js';
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

let clientId = '';
/** The name and room that the user chose; sent as `enter` on every new connection. @type {Place | null} */
let wanted = loadPlace();
/** The name and room that the server confirmed last. @type {Place | null} */
let entered = null;
/** Progress of `enter` on the current connection. @type {'outside' | 'entering' | 'inside'} */
let phase = 'outside';
/** Messages of the wanted room that arrived before `entered`; they are newer than its list. @type {ServerMessage[]} */
let pending = [];
let lostAt = 0;
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
const connection = new Connection(url, {
  onConnecting: () => state.showConnecting(),
  onMessage: receive,
  onLost: loseConnection,
});
const state = new ConnectionState(() => connection.retry());

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
  if (entered !== null) {
    save('messages', { room: entered.room, messages: conversation.recent });
  }
});
document.addEventListener('visibilitychange', () => {
  unread = 0;
  showTitle();
});

if (wanted === null) welcome.open({ name: '', room: 'lobby' }, { canCancel: false });
else roomName.textContent = wanted.room;
connection.retry();

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

/** @param {Place} place */
function enter(place) {
  wanted = place;
  if (entered === null) roomName.textContent = place.room;
  showProblem('');
  pending = [];
  phase = connection.send({ type: 'enter', ...place }) ? 'entering' : 'outside';
  if (phase === 'entering') connection.expectAnswer();
  composer.setOnline(false);
}

/** @param {ServerMessage} message */
function receive(message) {
  switch (message.type) {
    case 'init':
      connection.handleAnswer();
      clientId = message.clientId;
      page.dataset.clientId = clientId;
      state.showConnected();
      if (wanted !== null) enter(wanted);
      return;
    case 'entered':
      return finishEntering(message);
    case 'error':
      return receiveError(message);
    case 'whispered':
      return showMessage(message, message.to);
    default:
      if (phase === 'entering' && message.room === wanted?.room) pending.push(message);
      else if (message.room === entered?.room) receiveFromRoom(message);
  }
}

/** @param {Extract<ServerMessage, { type: 'entered' }>} message */
function finishEntering({ name, room, people: present }) {
  connection.handleAnswer();
  const [isFirstEntry, isNewRoom] = [entered === null, entered?.room !== room];
  entered = wanted = { name, room };
  phase = 'inside';
  save('place', entered);
  roomName.textContent = room;
  find('own-name', HTMLElement).textContent = name;
  fillAvatar(find('own-avatar', HTMLElement), name);
  people.replace(present, clientId);
  rooms.show(room);
  composer.setRoom(room);
  composer.setOnline(true);
  if (isNewRoom) {
    conversation.clear();
    composer.setRecipient(null);
    if (isFirstEntry) restoreMessages(room);
  } else if (lostAt !== 0) {
    const seconds = Math.max(1, Math.round((Date.now() - lostAt) / 1000));
    conversation.addNotice(`Connected again. What was said in the last ${seconds} s is not shown.`);
  }
  lostAt = 0;
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
  if (saved?.room !== room || !Array.isArray(saved.messages) || saved.messages.length === 0) return;
  for (const message of saved.messages) conversation.addMessage(message);
  conversation.addNotice('Loaded again. What was said meanwhile is not shown.');
}

/** @param {ServerMessage} message */
function receiveFromRoom(message) {
  switch (message.type) {
    case 'joined':
      people.add(message.person);
      showPresence(message);
      return checkRecipient();
    case 'left':
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
  const isOwn = from.id === clientId;
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
  // An open connection is not enough: the server rejects messages before `enter`.
  const isSent = phase === 'inside' && connection.send(message);
  showProblem(isSent ? '' : 'There is no connection. What you wrote is kept.');
  return isSent;
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
  connection.handleAnswer();
  phase = entered === null ? 'outside' : 'inside';
  composer.setOnline(phase === 'inside');
  welcome.open(wanted ?? { name: '', room: '' }, { canCancel: entered !== null, problem: text });
  wanted = entered;
}

/** @param {number} delayMs */
function loseConnection(delayMs) {
  delete page.dataset.clientId;
  if (lostAt === 0) lostAt = Date.now();
  phase = 'outside';
  composer.setOnline(false);
  state.showLost(delayMs);
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
