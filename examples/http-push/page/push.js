// @ts-check
import { callApp } from './app.js';
import { Connection } from './connection.js';
import { create, find, showLine } from './elements.js';

/**
 * @typedef {import('../server-message.ts').ServerMessage} ServerMessage
 * @typedef {{ uid: string, pages: number }} Person
 */

/** Pushes that are shown; older ones go. */
const shownPushes = 200;

/** Pause before the app is asked again who is online. */
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
/** Whether the app is being asked who is online, and whether that has changed since. @type {'no' | 'asking' | 'again'} */
let asking = 'no';

const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const connection = new Connection(`${scheme}://${location.hostname}:${config.gatewayPort}`, {
  onBound() {
    showConnection('open', 'Connected');
    void showWhoIsOnline();
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
  // Even if the app could not close the other pages of this person, it has ended the session.
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
  if (message.type === 'presence') void showWhoIsOnline();
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

/** Asks the app; one question at a time, and one more for all that changed meanwhile. */
async function showWhoIsOnline() {
  const isFirst = asking === 'no';
  asking = isFirst ? 'asking' : 'again';
  if (!isFirst) return;
  do {
    asking = 'asking';
    const answer = await callApp('online').catch(() => null);
    if (answer !== null) showPeople(answer.people);
    // What is shown stays while the app cannot tell; a lost connection asks when it is back.
    else if (page.dataset.connection === 'open') setTimeout(showWhoIsOnline, retryMs);
  } while (isAskedAgain());
  asking = 'no';
}

function isAskedAgain() {
  return asking === 'again';
}

/** @param {readonly Person[]} people */
function showPeople(people) {
  find('people', HTMLElement).replaceChildren(...people.map(createPerson));
  const chosen = receiver.value;
  const others = people.filter((person) => person.uid !== uid).map((person) => person.uid);
  // Somebody who is away for a moment stays chosen: the text must not go to everybody instead.
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
  // What came for the one before is not for this one to read.
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
