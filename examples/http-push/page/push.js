// @ts-check
import { callApp } from './app.js';
import { Connection } from './connection.js';
import { create, find, showLine } from './elements.js';

/**
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 * @typedef {{ uid: string, pages: number }} Person
 */

/** Maximum number of pushes shown. */
const shownPushes = 200;

/** Pause before a failed request of the online list is retried, in milliseconds. */
const retryMs = 2000;

const page = document.documentElement;
const pageProblem = find('page-problem', HTMLElement);
const loginProblem = find('login-problem', HTMLElement);
const outcome = find('outcome', HTMLElement);
const nameField = find('name', HTMLInputElement);
const textField = find('text', HTMLInputElement);
const receiver = find('receiver', HTMLSelectElement);
const pushes = find('pushes', HTMLElement);

const config = await loadConfig();
let uid = '';
/** State of the request of the online list; stale if the list changed during it. @type {'idle' | 'loading' | 'stale'} */
let onlineRequest = 'idle';

const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const connection = new Connection(`${scheme}://${location.hostname}:${config.gatewayPort}`, {
  onBound() {
    showConnection('open', 'Connected');
    void refreshOnline();
  },
  onMessage: receive,
  onLost: () => showConnection('lost', 'Reconnecting…'),
  onLoggedOut: showLogin,
});

nameField.maxLength = config.limits.name;
textField.maxLength = config.limits.text;
find('login', HTMLFormElement).addEventListener('submit', login);
find('compose', HTMLFormElement).addEventListener('submit', push);
find('logout', HTMLButtonElement).addEventListener('click', logout);
if (config.uid === null) showLogin();
else showBoard(config.uid);

async function loadConfig() {
  try {
    return await callApp('config');
  } catch (error) {
    showLine(pageProblem, 'The page could not be loaded. Please reload it.');
    throw error;
  }
}

/** @param {SubmitEvent} event */
async function login(event) {
  event.preventDefault();
  try {
    const answer = await callApp('login', { name: nameField.value });
    showBoard(answer.uid);
  } catch (error) {
    showLine(loginProblem, toMessage(error));
  }
}

async function logout() {
  connection.stop();
  // A failure is ignored: then the session stays valid, and other pages stay connected.
  await callApp('logout', {}).catch(() => undefined);
  showLogin();
}

/** @param {SubmitEvent} event */
async function push(event) {
  event.preventDefault();
  const to = receiver.value;
  const text = textField.value;
  try {
    const { pages } = await (to === ''
      ? callApp('push/topic', { topic: config.topic, text })
      : callApp('push/user', { uid: to, text }));
    textField.value = '';
    showOutcome(`Sent to ${pages} ${pages === 1 ? 'page' : 'pages'}.`, 'good');
  } catch (error) {
    showOutcome(toMessage(error), 'bad');
    if (isNotLoggedIn(error)) showLogin();
  }
}

/** @param {ServerMessage} message */
function receive(message) {
  if (message.type === 'presence') void refreshOnline();
  else if (message.type === 'push') showPush(message);
}

/** @param {Extract<ServerMessage, { type: 'push' }>} message */
function showPush({ from, text, topic, time }) {
  const at = create('time', 'soft', new Date(time).toLocaleTimeString([], { timeStyle: 'short' }));
  at.dateTime = new Date(time).toISOString();
  const label = topic === null ? 'only to you' : `#${topic}`;
  const head = create(
    'p',
    'push-head',
    create('bdi', 'from', from),
    create('span', 'label', label),
    at,
  );
  const kind = topic === null ? 'push personal' : 'push';
  pushes.prepend(create('li', kind, head, create('p', 'text', text)));
  while (pushes.children.length > shownPushes) pushes.lastElementChild?.remove();
  find('empty', HTMLElement).hidden = true;
}

/** Loads and shows the online list: one request at a time, and another one if the list changed during it. */
async function refreshOnline() {
  const isFirst = onlineRequest === 'idle';
  onlineRequest = isFirst ? 'loading' : 'stale';
  if (!isFirst) return;
  do {
    onlineRequest = 'loading';
    const answer = await callApp('online').catch(() => null);
    if (answer !== null) showPeople(answer.people);
    // The shown list stays during an outage. A lost connection refreshes it after the reconnect.
    else if (page.dataset.connection === 'open') setTimeout(refreshOnline, retryMs);
  } while (isStale());
  onlineRequest = 'idle';
}

function isStale() {
  return onlineRequest === 'stale';
}

/** @param {readonly Person[]} people */
function showPeople(people) {
  find('people', HTMLElement).replaceChildren(...people.map(createPerson));
  const chosen = receiver.value;
  const others = people.filter((person) => person.uid !== uid).map((person) => person.uid);
  // A receiver who reconnects stays selected, so that the text does not go to all followers.
  if (chosen !== '' && !others.includes(chosen)) others.push(chosen);
  receiver.replaceChildren(
    new Option(`Followers of #${config.topic}`, ''),
    ...others.map((name) => new Option(name, name)),
  );
  receiver.value = chosen;
}

/** @param {Person} person */
function createPerson(person) {
  const name = create('bdi', '', person.uid);
  const isYou = person.uid === uid;
  const hint = [isYou ? 'you' : '', person.pages === 1 ? '' : `${person.pages} pages`];
  return create('li', '', name, create('span', 'soft', hint.filter(Boolean).join(', ')));
}

function showLogin() {
  page.dataset.connection = 'off';
  uid = '';
  showParts('welcome');
  showLine(loginProblem, '');
  nameField.select();
  nameField.focus();
}

/** @param {string} name */
function showBoard(name) {
  uid = name;
  find('own-name', HTMLElement).textContent = name;
  // Remove the pushes of the previous user.
  pushes.replaceChildren();
  find('empty', HTMLElement).hidden = false;
  showLine(outcome, '');
  receiver.replaceChildren(new Option(`Followers of #${config.topic}`, ''));
  showParts('board');
  showConnection('connecting', 'Connecting…');
  connection.start();
}

/** @param {'welcome' | 'board'} part */
function showParts(part) {
  find('welcome', HTMLElement).hidden = part !== 'welcome';
  for (const id of ['board', 'connection', 'logout']) {
    find(id, HTMLElement).hidden = part !== 'board';
  }
}

/**
 * @param {'connecting' | 'open' | 'lost'} state
 * @param {string} text
 */
function showConnection(state, text) {
  page.dataset.connection = state;
  find('connection-text', HTMLElement).textContent = text;
}

/**
 * @param {string} text
 * @param {'good' | 'bad'} kind
 */
function showOutcome(text, kind) {
  showLine(outcome, text);
  outcome.dataset.kind = kind;
}

/** @param {unknown} error */
function toMessage(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {unknown} error */
function isNotLoggedIn(error) {
  return error instanceof Error && 'status' in error && error.status === 401;
}
