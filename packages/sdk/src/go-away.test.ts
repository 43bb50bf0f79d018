import { expect, test } from 'vitest';
import { outcomeOf, pass, start, useVirtualTime } from './client.fixture.ts';

useVirtualTime();

test('GoAway: the client moves within the range, without a pause', async () => {
  const { client, events, messages, server } = start();
  await pass();
  server.goAway(1000, 3000, 'drain');
  await pass(1999);
  expect(server.sockets).toHaveLength(1);
  await pass(1);
  expect(server.sockets).toHaveLength(2);
  expect(client.state).toBe('open');
  expect(events.map(([name]) => name)).toEqual(['open', 'open']);
  expect(events[1]?.[1]).toEqual({ resumed: true, reason: '', clientId: 'fake-1' });
  expect(server.sockets[0]?.readyState).toBe(3);
  server.send('a');
  await pass();
  expect(messages).toEqual(['a']);
});

test('GoAway: the first connection receives until the welcome of the second one', async () => {
  const { client, messages, server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  await pass(15);
  expect(server.sockets).toHaveLength(2);
  server.send('a');
  const call = client.send('b');
  await pass(12);
  expect(messages).toEqual(['a']);
  await pass(100);
  server.send('c');
  await pass(100);
  expect(messages).toEqual(['a', 'c']);
  expect(server.messages).toEqual(['b']);
  expect(await outcomeOf(call)).toBe('fulfilled');
});

test('GoAway: a second connection that fails is tried again, the first one stays', async () => {
  const { client, events, server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  await pass(15);
  server.sockets[1]?.drop(1006);
  expect(client.state).toBe('open');
  await pass(1000);
  expect(server.sockets).toHaveLength(3);
  expect(events.map(([name]) => name)).toEqual(['open', 'open']);
});

test('GoAway: a first connection that ends before the welcome is reported', async () => {
  const { client, events, server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  await pass(15);
  server.sockets[0]?.drop(1001, 'the server stops');
  expect(client.state).toBe('connecting');
  expect(events[1]).toEqual(['down', { code: 1001, reason: 'the server stops', retryInMs: 0 }]);
  await pass(1000);
  expect(client.state).toBe('open');
  expect(server.sockets).toHaveLength(2);
});

test('GoAway: a takeover of the first connection by the second one is ignored', async () => {
  const { client, events, server } = start({ latencyMs: 10 });
  await pass(100);
  for (let count = 0; count < 4; count += 1) {
    server.goAway();
    await pass(15);
    server.sockets.at(-2)?.drop(4412);
    await pass(100);
  }
  expect(client.clientId).toBe('fake-1');
  expect(events.filter(([name]) => name === 'open').map(([, event]) => event)).toEqual([
    { resumed: false, reason: '', clientId: 'fake-1' },
    ...Array.from({ length: 4 }, () => ({ resumed: true, reason: '', clientId: 'fake-1' })),
  ]);
});

test('GoAway: several in a row open one connection at a time', async () => {
  const { server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  server.goAway();
  await pass(15);
  server.goAway();
  await pass(1000);
  expect(server.sockets.filter(({ readyState }) => readyState === 1)).toHaveLength(1);
  expect(server.sockets).toHaveLength(2);
});

test('GoAway: the client closes the first connection with 4412', async () => {
  const { server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  await pass(1000);
  expect(server.sockets.map(({ closedWith }) => closedWith)).toEqual([4412, undefined]);
});

test('GoAway: a second one replaces the wait of the first one', async () => {
  const { server } = start();
  await pass();
  server.goAway(1000, 1000);
  await pass(500);
  server.goAway(5000, 5000);
  await pass(4999);
  expect(server.sockets).toHaveLength(1);
  await pass(1);
  expect(server.sockets).toHaveLength(2);
});

test('GoAway: close ends both connections', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  server.goAway();
  await pass(15);
  client.close();
  await pass(1000);
  expect(server.sockets.map(({ closedWith }) => closedWith)).toEqual([1000, 1000]);
});
