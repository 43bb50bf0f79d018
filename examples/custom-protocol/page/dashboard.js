// @ts-check

/**
 * @typedef {import('../dashboard-message.ts').DashboardMessage} DashboardMessage
 *
 * @typedef {object} Device
 * @property {HTMLElement} element
 * @property {number[]} values newest last
 */

const mostValues = 60;
const mostLines = 50;
/** Disconnected devices are removed beyond this number of devices. */
const mostDevices = 200;
const [firstDelayMs, longestDelayMs] = [500, 10_000];

const list = find('devices');
const template = /** @type {HTMLTemplateElement} */ (find('device'));
/** @type {Map<string, Device>} */
const devices = new Map();
/** @type {WebSocket | null} */
let socket = null;
let attempt = 0;

const answer = await fetch('config.json');
/** @type {{ dashboardPort: number }} */
const { dashboardPort } = await answer.json();
listenToForm(/** @type {HTMLFormElement} */ (find('everyone')), '*');
connect();
addEventListener('offline', () => socket?.close());
addEventListener('online', connect);

function connect() {
  if (socket !== null) return;
  const opened = new WebSocket(`ws://${location.hostname}:${dashboardPort}`);
  socket = opened;
  opened.addEventListener('open', () => {
    attempt = 0;
    showConnection('open', 'Connected');
  });
  opened.addEventListener('message', ({ data }) => receive(String(data)));
  opened.addEventListener('close', () => {
    socket = null;
    for (const device of devices.values()) showState(device, 'offline');
    showConnection('off', 'Reconnecting…');
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 10));
    attempt += 1;
    // Half of it is random, so that the clients of a dead gateway do not all reconnect at the same time.
    setTimeout(connect, delayMs / 2 + (Math.random() * delayMs) / 2);
  });
}

/** @param {string} data */
function receive(data) {
  const message = parse(data);
  // A command for all clients is plain text, not JSON.
  if (message === undefined) return addLine(`All devices: ${data}`);
  if ('devices' in message) {
    for (const { device, value } of message.devices) {
      const shown = toDevice(device);
      showState(shown, 'online');
      if (value !== undefined && shown.values.length === 0) showValue(shown, value);
    }
    return;
  }
  if ('error' in message) return addLine(message.error);
  const device = toDevice(message.device);
  if ('value' in message) return showValue(device, message.value);
  const isOnline = 'here' in message;
  showState(device, isOnline ? 'online' : 'offline');
  addLine(`${message.device} ${isOnline ? 'connected' : 'left'}`);
}

/**
 * @param {string} data
 * @returns {DashboardMessage | undefined}
 */
function parse(data) {
  try {
    const message = JSON.parse(data);
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the card of a device; creates it on first use.
 *
 * @param {string} name
 * @returns {Device}
 */
function toDevice(name) {
  const known = devices.get(name);
  if (known !== undefined) return known;
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  const element = /** @type {HTMLElement} */ (copy.firstElementChild);
  part(element, '.name').textContent = name;
  part(element, 'input').setAttribute('aria-label', `Command for ${name}`);
  part(element, 'button').setAttribute('aria-label', `Send to ${name}`);
  listenToForm(/** @type {HTMLFormElement} */ (part(element, 'form')), name);
  const device = { element, values: [] };
  devices.set(name, device);
  const [oldest] = [...devices].filter(([, one]) => one.element.dataset.state === 'offline');
  if (devices.size > mostDevices && oldest !== undefined) {
    oldest[1].element.remove();
    devices.delete(oldest[0]);
  }
  list.append(element);
  find('empty').hidden = true;
  showState(device, 'online');
  return device;
}

/**
 * @param {Device} device
 * @param {'online' | 'offline'} state
 */
function showState({ element }, state) {
  element.dataset.state = state;
  part(element, '.state-text').textContent = state;
}

/**
 * @param {Device} device
 * @param {string} value
 */
function showValue({ element, values }, value) {
  part(element, '.value').textContent = value;
  const number = Number(value);
  if (!Number.isFinite(number)) return;
  values.push(number);
  if (values.length > mostValues) values.shift();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = values.map((each, index) => {
    const x = (100 * index) / Math.max(1, values.length - 1);
    return `${x.toFixed(1)},${(28 - (26 * (each - low)) / (high - low || 1)).toFixed(1)}`;
  });
  part(element, 'polyline').setAttribute('points', points.join(' '));
}

/**
 * @param {HTMLFormElement} form
 * @param {string} receiver the name of a device, or `*`
 */
function listenToForm(form, receiver) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (part(form, 'input'));
    const command = field.value.trim();
    if (command === '') return;
    if (socket?.readyState !== WebSocket.OPEN) {
      addLine('There is no connection. The command was not sent.');
      return;
    }
    socket.send(`${receiver} ${command}`);
    if (receiver !== '*') addLine(`To ${receiver}: ${command}`);
    field.value = '';
  });
}

/** @param {string} text */
function addLine(text) {
  const line = document.createElement('li');
  const time = document.createElement('time');
  const words = document.createElement('span');
  time.textContent = new Date().toLocaleTimeString([], { timeStyle: 'medium' });
  words.textContent = text;
  line.append(time, words);
  const log = find('log');
  log.prepend(line);
  while (log.childElementCount > mostLines) log.lastElementChild?.remove();
}

/**
 * @param {'open' | 'off'} state
 * @param {string} text
 */
function showConnection(state, text) {
  document.documentElement.dataset.connection = state;
  find('connection').textContent = text;
}

/** @param {string} id */
function find(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element with the id ${id}`);
  return found;
}

/**
 * @param {Element} element
 * @param {string} selector
 */
function part(element, selector) {
  const found = element.querySelector(selector);
  if (found === null) throw new Error(`There is no ${selector}`);
  return found;
}
