// @ts-check
import { connect } from '/sdk/index.js';

/** @typedef {import('/sdk/index.js').Client<import('../protocol.ts').ReconnectProtocol>} ReconnectClient */

const port = await (await fetch('/port')).text();
const status = /** @type {HTMLElement} */ (document.querySelector('[role=status]'));
const list = /** @type {HTMLElement} */ (document.querySelector('ol'));

/** @param {string} text */
function show(text) {
  const item = document.createElement('li');
  item.textContent = text;
  list.append(item);
}

// `session`: a reload of the page resumes too.
const client = /** @type {ReconnectClient} */ (
  connect(`ws://${location.hostname}:${port}`, { storage: 'session' })
);

client.on('open', ({ resumed }) => {
  status.textContent = 'open';
  // In a new session the server knows nothing of this page: log in and load here what it shows.
  show(resumed ? 'resumed' : 'new session');
});
client.on('down', ({ retryInMs }) => {
  status.textContent = `reconnecting in ${Math.ceil(retryInMs)} ms`;
});
client.on('message', ({ text }) => show(text));
client.on('gap', () => show('messages may be missing here: load them'));
// The application has ended the session, so the client does not connect again.
client.on('closed', ({ code, reason }) => {
  status.textContent = `closed: ${code} ${reason}`;
});

/**
 * @param {string} id
 * @param {() => Promise<unknown>} call
 */
function onClick(id, call) {
  // Without a connection a call waits for the next one.
  document.getElementById(id)?.addEventListener('click', () => {
    call().catch(({ code }) => code === 'closed' || show(`${id} failed: ${code}`));
  });
}

onClick('hello', () => client.send({ text: 'hello' }));
onClick('sum', async () => show(`1 + 2 = ${await client.request('sum', [1, 2])}`));
onClick('logout', () => client.request('logout', null));
