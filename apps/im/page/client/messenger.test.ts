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

/** Opens the messenger of Ada, connected to a fake server with this number of messages. */
async function openMessenger(stored: number, kept = new Map<string, string>()) {
  const server = new FakeServer();
  server.stored = messages(1, stored);
  vi.stubGlobal('fetch', server.fetch);
  const sockets: FakeSocket[] = [];
  const events: string[] = [];
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
    onLoggedOut: () => events.push('logged out'),
    onNotice: (text) => events.push(text),
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
  const sentOf = (type: string) => last().sent.filter((one) => one.type === type);
  return { messenger, server, kept, events, last, shown, sentOf };
}

test('messenger: loads the conversations, and sends sync on every connection', async () => {
  const { shown, sentOf, last } = await openMessenger(3);
  expect(shown()).toEqual([3]);
  expect(sentOf('sync')).toHaveLength(1);
  last().end();
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  expect(sentOf('sync')).toHaveLength(1);
});

test('messenger: fetches a gap after 500 ms', async () => {
  const { server, last, shown } = await openMessenger(3);
  server.stored = messages(1, 6);
  receiveMessage(last(), 6);
  await vi.advanceTimersByTimeAsync(499);
  expect(shown()).toEqual([3]);
  await vi.advanceTimersByTimeAsync(1);
  expect(shown()).toEqual([3, 4, 5, 6]);
});

test('messenger: fetches a gap again if a request has not closed it', async () => {
  const { server, last, shown } = await openMessenger(3);
  server.stored = messages(1, 5);
  receiveMessage(last(), 7);
  await vi.advanceTimersByTimeAsync(501);
  expect(shown()).toEqual([3, 4, 5]);
  server.stored = messages(1, 7);
  await vi.advanceTimersByTimeAsync(501);
  expect(shown()).toEqual([3, 4, 5, 6, 7]);
});

test('messenger: makes no request for a gap that closes by itself', async () => {
  const { server, last, shown } = await openMessenger(3);
  const before = server.requested.length;
  receiveMessage(last(), 5);
  receiveMessage(last(), 4);
  await vi.advanceTimersByTimeAsync(2000);
  expect(shown()).toEqual([3, 4, 5]);
  expect(server.requested).toHaveLength(before);
});

test('messenger: fetches messages that were stored while offline, page by page', async () => {
  const { server, last, shown } = await openMessenger(3);
  last().end();
  server.stored = messages(1, 253);
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  last().receive({ type: 'heads', heads: { '10': 253 } });
  // A live message during the catch-up.
  server.stored = messages(1, 254);
  receiveMessage(last(), 254);
  await settle();
  expect(shown()).toEqual(messages(3, 254).map(({ seq }) => seq));
});

test('messenger: with many missing messages, loads only the newest page', async () => {
  const { server, last, shown } = await openMessenger(3);
  server.stored = messages(1, 2000);
  last().receive({ type: 'heads', heads: { '10': 2000 } });
  await settle();
  expect(shown()).toEqual(messages(1901, 2000).map(({ seq }) => seq));
});

test('messenger: repeats a failed catch-up with the next sync', async () => {
  const { server, last, shown, sentOf } = await openMessenger(3);
  server.stored = messages(1, 5);
  server.failure = { status: 503, error: 'busy' };
  last().receive({ type: 'heads', heads: { '10': 5 } });
  await settle();
  expect(shown()).toEqual([3]);
  server.failure = undefined;
  await vi.advanceTimersByTimeAsync(2500);
  expect(sentOf('sync')).toHaveLength(2);
  last().receive({ type: 'heads', heads: { '10': 5 } });
  await settle();
  expect(shown()).toEqual([3, 4, 5]);
});

test('messenger: sends messages that were written offline, in order', async () => {
  const { messenger, last, sentOf } = await openMessenger(3);
  last().end();
  messenger.outbox.write('10', 'One');
  messenger.outbox.write('10', 'Two');
  await vi.advanceTimersByTimeAsync(0);
  last().ready();
  const texts = () =>
    sentOf('send').map((one) =>
      one.type === 'send' && one.content.kind === 'text' ? one.content.text : '',
    );
  expect(texts()).toEqual(['One']);
  const [{ clientId } = { clientId: '' }] = messenger.store.get().outbox;
  last().receive({ type: 'sent', clientId, conversationId: '10', id: '1', seq: 4, sentAt: 0 });
  expect(texts()).toEqual(['One', 'Two']);
});

test('messenger: sends a text after the upload of the picture before it failed', async () => {
  const { messenger, server, sentOf } = await openMessenger(3);
  server.failure = { status: 413, error: 'picture_too_large' };
  const picture = { url: 'blob:1', width: 1, height: 1, file: new Blob(['x']) };
  messenger.outbox.writePicture('10', picture, '');
  messenger.outbox.write('10', 'Behind it');
  expect(sentOf('send')).toEqual([]);
  await settle();
  expect(sentOf('send')).toMatchObject([{ content: { text: 'Behind it' } }]);
});

test('messenger: restores unsent messages after a reload, only for the same user', async () => {
  const first = await openMessenger(3);
  first.last().end();
  first.messenger.outbox.write('10', 'Not yet');
  first.messenger.stop();
  const second = await openMessenger(3, first.kept);
  expect(second.sentOf('send')).toMatchObject([{ content: { text: 'Not yet' } }]);
  const other = new Map([...first.kept].map(([key, value]) => [key, value.replace('"1"', '"9"')]));
  expect((await openMessenger(3, other)).sentOf('send')).toEqual([]);
});

test('messenger: sends delivered and read marks, only the newest', async () => {
  const { messenger, last, sentOf } = await openMessenger(3);
  await vi.advanceTimersByTimeAsync(1000);
  expect(sentOf('delivered')).toEqual([{ type: 'delivered', conversationId: '10', seq: 3 }]);
  receiveMessage(last(), 4);
  receiveMessage(last(), 5);
  await vi.advanceTimersByTimeAsync(1000);
  expect(sentOf('delivered').slice(1)).toEqual([
    { type: 'delivered', conversationId: '10', seq: 5 },
  ]);
  // Another change of the conversation does not send it again.
  const mark = { userId: grace.id, deliveredSeq: 1, readSeq: 1 };
  last().receive({ type: 'marks', conversationId: '10', marks: [mark] });
  await vi.advanceTimersByTimeAsync(1000);
  expect(sentOf('delivered')).toHaveLength(2);
  messenger.markRead('10', 5);
  messenger.markRead('10', 5);
  await vi.advanceTimersByTimeAsync(1000);
  expect(sentOf('read')).toEqual([{ type: 'read', conversationId: '10', seq: 5 }]);
});

test('messenger: fetches the conversations after a message of an unknown one', async () => {
  const { server, last } = await openMessenger(3);
  const before = server.requested.filter((path) => path === '/api/conversations').length;
  receiveMessage(last(), 1, { conversationId: '99' });
  await settle();
  const after = server.requested.filter((path) => path === '/api/conversations').length;
  expect(after).toBe(before + 1);
});

test('messenger: ends if another tab has logged in another user', async () => {
  const { last, events } = await openMessenger(3);
  last().end();
  await vi.advanceTimersByTimeAsync(0);
  last().ready('2');
  expect(events).toEqual(['logged out']);
});

test('messenger: sends typing at most once in 2 s', async () => {
  const { messenger, sentOf } = await openMessenger(3);
  messenger.notifyTyping('10');
  messenger.notifyTyping('10');
  expect(sentOf('typing')).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2000);
  messenger.notifyTyping('10');
  expect(sentOf('typing')).toHaveLength(2);
});

/** Waits for pending requests; advances the time by 10 ms. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await vi.advanceTimersByTimeAsync(1);
}

function receiveMessage(socket: FakeSocket, seq: number, more: Partial<Message> = {}): void {
  socket.receive({ type: 'message', message: message(seq, more), sender: grace });
}
