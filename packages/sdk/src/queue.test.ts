import { expect, test, vi } from 'vitest';
import { outcomeOf, pass, start, useVirtualTime } from './client.fixture.ts';

useVirtualTime();

test('queue: more messages than allowed fail with queue-full', async () => {
  const { client, server } = start({}, { maxQueuedMessages: 2 });
  const calls = [client.send(1), client.send(2), client.send(3), client.request('echo', 4)];
  expect(await outcomeOf(calls[2] ?? Promise.resolve())).toBe('queue-full');
  expect(await Promise.all(calls.map(outcomeOf))).toEqual([
    'fulfilled',
    'fulfilled',
    'queue-full',
    'queue-full',
  ]);
  expect(server.messages).toEqual([1, 2]);
  expect(await outcomeOf(client.send(5))).toBe('fulfilled');
});

test('queue: more bytes than allowed fail with queue-full', async () => {
  const { client } = start({}, { maxQueuedBytes: 10 });
  const calls = [client.send('123456'), client.send('1'), client.send('')];
  expect(await Promise.all(calls.map(outcomeOf))).toEqual(['fulfilled', 'queue-full', 'fulfilled']);
  expect(await outcomeOf(client.send('123456'))).toBe('fulfilled');
});

test('queue: what was sent and not confirmed counts too', async () => {
  const { client, server } = start({ isAutomatic: false }, { maxQueuedMessages: 2 });
  await pass();
  server.welcome();
  await pass();
  const calls = [client.send(1), client.send(2), client.send(3)];
  expect(await Promise.all(calls.map(outcomeOf))).toEqual(['pending', 'pending', 'queue-full']);
  server.sendFrame({ op: 'handled', number: 1 });
  await pass();
  expect(await outcomeOf(client.send(4))).toBe('pending');
});

test('queue: a request without a reply counts until it settles', async () => {
  const { client, server } = start({ isAutomatic: false }, { maxQueuedMessages: 1 });
  await pass();
  server.welcome();
  await pass();
  const request = client.request('echo', 1, { timeoutMs: 1000 });
  server.sendFrame({ op: 'handled', number: 1 });
  await pass();
  expect(await outcomeOf(client.send(2))).toBe('queue-full');
  await pass(1000);
  expect(await outcomeOf(request)).toBe('timeout');
  expect(await outcomeOf(client.send(3))).toBe('pending');
});

test('queue: bytes are free again after every kind of end', async () => {
  const { client, server } = start({ isAutomatic: false }, { maxQueuedBytes: 10 });
  const full = '12345678';
  const aborting = new AbortController();
  const expired = client.send(full, { ttlMs: 10 });
  await pass(10);
  expect(await outcomeOf(expired)).toBe('expired');
  const aborted = client.request('a', full, { signal: aborting.signal });
  aborting.abort();
  expect(await outcomeOf(aborted)).toBe('aborted');
  const cleared = client.send(full);
  client.clearQueue();
  expect(await outcomeOf(cleared)).toBe('cleared');
  server.welcome();
  await pass();
  const lost = client.send(full);
  server.drop(4451);
  expect(await outcomeOf(lost)).toBe('session-lost');
  const last = client.send(full);
  expect(await outcomeOf(last)).toBe('pending');
  expect(client.pending).toBe(1);
});

test('too large: a message longer than the gateway accepts fails alone', async () => {
  const { client, server } = start({ maxBytes: 20 });
  const calls = ['a'.repeat(50), 'b'].map((data) => client.send(data));
  expect(await Promise.all(calls.map(outcomeOf))).toEqual(['too-large', 'fulfilled']);
  expect(server.framesOf('send').map(({ number }) => number)).toEqual([1]);
});

test('ttl: a message that could not be sent in time fails, a sent one does not', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  const unsent = client.send(1, { ttlMs: 1000 });
  await pass(500);
  server.welcome();
  await pass();
  expect(server.framesOf('send')).toHaveLength(1);
  server.drop();
  const offline = client.send(2, { ttlMs: 1000 });
  await pass(1000);
  expect(await outcomeOf(unsent)).toBe('pending');
  expect(await outcomeOf(offline)).toBe('expired');
});

test('ttl: a queue of an hour ago is not sent', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const { client, server } = start({}, { retry: { maxMs: 3_600_000 } });
  await pass();
  server.drop();
  const old = client.send('old', { ttlMs: 60_000 });
  const kept = client.send('kept');
  await pass(3_600_000);
  expect(server.messages).toEqual(['kept']);
  expect(await Promise.all([old, kept].map(outcomeOf))).toEqual(['expired', 'fulfilled']);
});

test('ttl: one that is longer than a timer can be never expires', async () => {
  const { client, server } = start({ isAutomatic: false });
  const call = client.send(1, { ttlMs: 2 ** 40 });
  await pass(1000);
  server.drop(1000);
  expect(await outcomeOf(call)).toBe('closed');
});

test('clearQueue: fails what was not sent, and leaves what was', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const sent = client.send(1);
  server.drop();
  const unsent = [client.send(2), client.request('a', 3)];
  client.clearQueue();
  expect(await Promise.all(unsent.map(outcomeOf))).toEqual(['cleared', 'cleared']);
  expect(await outcomeOf(sent)).toBe('pending');
  expect(client.pending).toBe(1);
});

test('timeout: fails the request and sends Cancel', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const call = client.request('a', 1, { timeoutMs: 500 });
  await pass(499);
  expect(await outcomeOf(call)).toBe('pending');
  await pass(1);
  expect(await outcomeOf(call)).toBe('timeout');
  expect(server.framesOf('cancel')).toEqual([{ op: 'cancel', number: 1 }]);
});

test('timeout: a request has 10 s by default, also while it waits', async () => {
  const { client, server } = start({ isAutomatic: false });
  const call = client.request('a', 1);
  await pass(9999);
  expect(await outcomeOf(call)).toBe('pending');
  await pass(1);
  expect(await outcomeOf(call)).toBe('timeout');
  expect(server.framesOf('request')).toEqual([]);
});

test('timeout: the reply that comes later is ignored', async () => {
  const { client, server } = start({ latencyMs: 100 });
  await pass(1000);
  const call = client.request('a', 1, { timeoutMs: 150 });
  await pass(1000);
  expect(await outcomeOf(call)).toBe('timeout');
  expect(await outcomeOf(client.request('a', 2, { timeoutMs: 500 }))).toBe('pending');
  await pass(1000);
  expect(client.pending).toBe(0);
  expect(server.framesOf('request')).toHaveLength(2);
});

test('abort: fails the request and sends Cancel', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const aborting = new AbortController();
  const call = client.request('a', 1, { signal: aborting.signal });
  await pass();
  aborting.abort();
  expect(await outcomeOf(call)).toBe('aborted');
  expect(server.framesOf('cancel')).toEqual([{ op: 'cancel', number: 1 }]);
});

test('abort: an aborted signal fails the request at once, and nothing is sent', async () => {
  const { client, server } = start();
  await pass();
  expect(await outcomeOf(client.request('a', 1, { signal: AbortSignal.abort() }))).toBe('aborted');
  await pass();
  expect(server.framesOf('request')).toEqual([]);
  expect(client.pending).toBe(0);
});

test('abort: a request that has settled leaves no listener on its signal', async () => {
  const { client } = start();
  const { signal } = new AbortController();
  const remove = vi.spyOn(signal, 'removeEventListener');
  const add = vi.spyOn(signal, 'addEventListener');
  const call = client.request('a', 1, { signal });
  await pass();
  await call;
  expect(add).toHaveBeenCalledTimes(1);
  expect(remove).toHaveBeenCalledWith('abort', add.mock.calls[0]?.[1]);
});

test('rejections: one that no code observes is no unhandled rejection', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const { client } = start();
  void client.send(1);
  void client.request('a', 1);
  client.close();
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
