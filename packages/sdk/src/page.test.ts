import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pass, start, useVirtualTime } from './client.fixture.ts';

useVirtualTime();

const visibility = { visibilityState: 'visible' };
const document = Object.assign(new EventTarget(), visibility);
const window = new EventTarget();

beforeEach(() => {
  document.visibilityState = 'visible';
  vi.stubGlobal('document', document);
  vi.stubGlobal('navigator', { onLine: true });
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window));
});

afterEach(() => vi.unstubAllGlobals());

function fire(target: EventTarget, type: string, persisted?: boolean): void {
  target.dispatchEvent(Object.assign(new Event(type), { persisted }));
}

test.each([
  ['online', window],
  ['visibilitychange', document],
  ['resume', document],
])('%s: a client that waits connects at once', async (type, target) => {
  const { client, server } = start({}, { retry: { minMs: 20_000 } });
  await pass();
  server.drop();
  server.socket.drop();
  await pass(1);
  server.drop();
  expect(client.state).toBe('waiting');
  fire(target, type);
  await pass();
  expect(client.state).toBe('open');
  client.close();
});

test('online: a connection that answers the probe stays', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  await pass(1000);
  fire(window, 'online');
  await pass();
  // The probe, and the answer to the Ping that answers it.
  expect(server.framesOf('pong')).toHaveLength(2);
  await pass(10_000);
  expect(client.state).toBe('open');
  expect(server.sockets).toHaveLength(1);
  client.close();
});

test('online: a connection that is silent for 3 s after the probe is left', async () => {
  const { client, events, server } = start({ pingMs: 25_000 });
  server.answersProbes = false;
  await pass(1000);
  fire(window, 'online');
  await pass(2999);
  expect(events).toHaveLength(1);
  await pass(1);
  expect(events[1]).toEqual(['down', expect.objectContaining({ code: 4408 })]);
  await pass(1000);
  expect(client.state).toBe('open');
  expect(server.sockets).toHaveLength(2);
  client.close();
});

test('visibilitychange: a page that becomes hidden does nothing', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  await pass();
  document.visibilityState = 'hidden';
  fire(document, 'visibilitychange');
  await pass();
  expect(server.framesOf('pong')).toEqual([]);
  client.close();
});

test('pagehide: a page that ends sends Bye', async () => {
  const { client, server } = start();
  await pass();
  fire(window, 'pagehide', false);
  await pass();
  expect(server.framesOf('bye')).toHaveLength(1);
  expect(client.state).toBe('closed');
});

test('pagehide: a page for the back/forward cache keeps its session', async () => {
  const { client, server } = start();
  await pass();
  fire(window, 'pagehide', true);
  await pass();
  expect(server.framesOf('bye')).toEqual([]);
  // The browser has ended the connection without an event.
  fire(window, 'pageshow', true);
  await pass();
  expect(client.state).toBe('open');
  expect(client.clientId).toBe('fake-1');
  expect(server.sockets).toHaveLength(2);
  expect(server.sockets[0]?.closedWith).toBe(4408);
  client.close();
});

test('pageshow: the first one of a page does nothing', async () => {
  const { client, server } = start();
  await pass();
  fire(window, 'pageshow', false);
  await pass();
  expect(server.sockets).toHaveLength(1);
  client.close();
});

test('close: removes every listener of the page', async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const spy = vi.spyOn(window, 'addEventListener');
  spy.mockImplementation((_type, _listener, options) => {
    signals.push(Object(options).signal);
  });
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  const { client } = start();
  expect(signals.map((signal) => signal?.aborted)).toEqual([false, false, false]);
  client.close();
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true, true]);
});
