import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Message } from '../../shared/model.ts';
import { ada, grace, message, messages } from '../store/samples.fixture.ts';
import { Api } from './api.ts';
import { FakeServer } from './fake-server.fixture.ts';
import { FakeSocket } from './fake-socket.fixture.ts';
import { Messenger } from './messenger.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Ada's messenger, with so many messages stored, connected to a server that a test plays. */
async function begin(stored: number, kept = new Map<string, string>()) {
  const server = new FakeServer();
  server.stored = messages(1, stored);
  vi.stubGlobal('fetch', server.fetch);
  const sockets: FakeSocket[] = [];
  const told: string[] = [];
  const messenger = new Messenger({
    api: new Api(),
    login: { me: ada, deviceId: '5' },
    openSocket(listener) {
      const socket = new FakeSocket(listener);
      sockets.push(socket);
      return socket;
    },
    storage: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    },
    random: () => 0,
    onLoggedOut: () => told.push('logged out'),
    onNotice: (text) => told.push(text),
  });
  messenger.start();
  onTestFinished(() => messenger.stop());
  const last = () => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('nothing was opened');
    return socket;
  };
  last().ready();
  await settle();
  const shown = () =>
    messenger.store
      .get()
      .chats.get('10')
      ?.history.messages.map(({ seq }) => seq) ?? [];
  const said = (type: string) => last().said.filter((one) => one.type === type);
  return { messenger, server, kept, told, last, shown, said };
}

test('it loads the conversations, and says sync on every connection', async () => {
  const { shown, said, last } = await begin(3);
  expect(shown()).toEqual([3]);
  expect(said('sync')).toHaveLength(1);
  last().end();
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  expect(said('sync')).toHaveLength(1);
});

test('a gap that does not close by itself is fetched after half a second', async () => {
  const { server, last, shown } = await begin(3);
  server.stored = messages(1, 6);
  hear(last(), 6);
  await vi.advanceTimersByTimeAsync(499);
  expect(shown()).toEqual([3]);
  await vi.advanceTimersByTimeAsync(1);
  expect(shown()).toEqual([3, 4, 5, 6]);
});

test('a gap that a request has not closed is fetched again', async () => {
  const { server, last, shown } = await begin(3);
  server.stored = messages(1, 5);
  hear(last(), 7);
  await vi.advanceTimersByTimeAsync(501);
  expect(shown()).toEqual([3, 4, 5]);
  server.stored = messages(1, 7);
  await vi.advanceTimersByTimeAsync(501);
  expect(shown()).toEqual([3, 4, 5, 6, 7]);
});

test('a gap that closes by itself costs no request', async () => {
  const { server, last, shown } = await begin(3);
  const before = server.asked.length;
  hear(last(), 5);
  hear(last(), 4);
  await vi.advanceTimersByTimeAsync(2000);
  expect(shown()).toEqual([3, 4, 5]);
  expect(server.asked).toHaveLength(before);
});

test('what was stored while there was no connection is caught up with, page by page', async () => {
  const { server, last, shown } = await begin(3);
  last().end();
  server.stored = messages(1, 253);
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  last().hear({ type: 'heads', heads: { '10': 253 } });
  // Live meanwhile.
  server.stored = messages(1, 254);
  hear(last(), 254);
  await settle();
  expect(shown()).toEqual(messages(3, 254).map(({ seq }) => seq));
});

test('far behind, it goes on with the newest page', async () => {
  const { server, last, shown } = await begin(3);
  server.stored = messages(1, 2000);
  last().hear({ type: 'heads', heads: { '10': 2000 } });
  await settle();
  expect(shown()).toEqual(messages(1901, 2000).map(({ seq }) => seq));
});

test('a catch-up that fails is tried again with the next sync', async () => {
  const { server, last, shown, said } = await begin(3);
  server.stored = messages(1, 5);
  server.failure = { status: 503, error: 'busy' };
  last().hear({ type: 'heads', heads: { '10': 5 } });
  await settle();
  expect(shown()).toEqual([3]);
  server.failure = undefined;
  await vi.advanceTimersByTimeAsync(2500);
  expect(said('sync')).toHaveLength(2);
  last().hear({ type: 'heads', heads: { '10': 5 } });
  await settle();
  expect(shown()).toEqual([3, 4, 5]);
});

test('what was written without a connection is sent once there is one, in order', async () => {
  const { messenger, last, said } = await begin(3);
  last().end();
  messenger.outbox.write('10', 'One');
  messenger.outbox.write('10', 'Two');
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  const texts = () =>
    said('send').map((one) =>
      one.type === 'send' && one.content.kind === 'text' ? one.content.text : '',
    );
  expect(texts()).toEqual(['One']);
  const [{ clientId } = { clientId: '' }] = messenger.store.get().outbox;
  last().hear({ type: 'sent', clientId, conversationId: '10', id: '1', seq: 4, sentAt: 0 });
  expect(texts()).toEqual(['One', 'Two']);
});

test('a text behind a picture is sent once the picture could not be uploaded', async () => {
  const { messenger, server, said } = await begin(3);
  server.failure = { status: 413, error: 'picture_too_large' };
  const picture = { url: 'blob:1', width: 1, height: 1, file: new Blob(['x']) };
  messenger.outbox.writePicture('10', picture, '');
  messenger.outbox.write('10', 'Behind it');
  expect(said('send')).toEqual([]);
  await settle();
  expect(said('send')).toMatchObject([{ content: { text: 'Behind it' } }]);
});

test('what was not sent is taken up by the page that is loaded next, for the same person alone', async () => {
  const first = await begin(3);
  first.last().end();
  first.messenger.outbox.write('10', 'Not yet');
  first.messenger.stop();
  const second = await begin(3, first.kept);
  expect(second.said('send')).toMatchObject([{ content: { text: 'Not yet' } }]);
  const other = new Map([...first.kept].map(([key, value]) => [key, value.replace('"1"', '"9"')]));
  expect((await begin(3, other)).said('send')).toEqual([]);
});

test('it says what has arrived and what was read, the newest mark alone', async () => {
  const { messenger, last, said } = await begin(3);
  await vi.advanceTimersByTimeAsync(1000);
  expect(said('delivered')).toEqual([{ type: 'delivered', conversationId: '10', seq: 3 }]);
  hear(last(), 4);
  hear(last(), 5);
  await vi.advanceTimersByTimeAsync(1000);
  expect(said('delivered').slice(1)).toEqual([{ type: 'delivered', conversationId: '10', seq: 5 }]);
  // Whatever else changes in the conversation is no reason to say it again.
  const mark = { userId: grace.id, deliveredSeq: 1, readSeq: 1 };
  last().hear({ type: 'marks', conversationId: '10', marks: [mark] });
  await vi.advanceTimersByTimeAsync(1000);
  expect(said('delivered')).toHaveLength(2);
  messenger.see('10', 5);
  messenger.see('10', 5);
  await vi.advanceTimersByTimeAsync(1000);
  expect(said('read')).toEqual([{ type: 'read', conversationId: '10', seq: 5 }]);
});

test('a message of a conversation that is not known has all of them fetched', async () => {
  const { server, last } = await begin(3);
  const before = server.asked.filter((path) => path === '/api/conversations').length;
  hear(last(), 1, { conversationId: '99' });
  await settle();
  const after = server.asked.filter((path) => path === '/api/conversations').length;
  expect(after).toBe(before + 1);
});

test('a connection of somebody else, by another tab, ends this messenger', async () => {
  const { last, told } = await begin(3);
  last().end();
  await vi.advanceTimersByTimeAsync(0);
  last().ready('2');
  expect(told).toEqual(['logged out']);
});

test('typing is said at most once in 2 s', async () => {
  const { messenger, said } = await begin(3);
  messenger.type('10');
  messenger.type('10');
  expect(said('typing')).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2000);
  messenger.type('10');
  expect(said('typing')).toHaveLength(2);
});

/** Lets requests be answered; no timer of a second or more is over by it. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await vi.advanceTimersByTimeAsync(1);
}

function hear(socket: FakeSocket, seq: number, more: Partial<Message> = {}): void {
  socket.hear({ type: 'message', message: message(seq, more), sender: grace });
}
