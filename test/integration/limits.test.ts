import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

test('a client that sends too many messages is closed with 1008, others are not', async () => {
  const ends: unknown[] = [];
  let received = 0;
  const cluster = await roles({
    events: {
      onMessage: () => {
        received += 1;
      },
      onClose: (_id, ctx) => void ends.push([ctx.closed?.by, ctx.closed?.code]),
    },
    gateways: 2,
    workers: 2,
    gatewayOptions: { maxMessagesPerSecond: 20 },
  });
  const [loud, calm] = [await cluster.connect(0), await cluster.connect(0)];
  for (let index = 0; index < 200; index += 1) loud.send('x');
  expect(await loud.ended).toEqual({ code: 1008, reason: 'too many messages' });
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['protocol', 1008]]);
  expect(received).toBeGreaterThanOrEqual(20);
  expect(received).toBeLessThan(200);
  expect(cluster.gateways[0]?.status().limits['messageRate']).toBe(1);
  for (let index = 0; index < 20; index += 1) calm.send('x');
  expect(calm.isOpen).toBe(true);
});

const megabyte = Buffer.alloc(1_000_000, 1);

test('a client that reads too slowly is closed with 1013, and the others get everything', async () => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (_id, ctx) => void ends.push(ctx.closed?.by),
    },
    gatewayOptions: { sendToClientBufferSize: 500_000 },
  });
  const api = await cluster.gatewayClient();
  const slow = await cluster.connect();
  const quick = await cluster.connect();
  await eventually(() => ids.length === 2);
  slow.pause();
  let rounds = 0;
  await eventually(async () => {
    rounds += 1;
    api.sendToAll(megabyte);
    await eventually(() => quick.messages.length === rounds);
    return ends.length === 1;
  });
  expect(ends).toEqual(['overflow']);
  expect(quick.isOpen).toBe(true);
  expect(cluster.gateways[0]?.status().limits['slowConsumer']).toBeGreaterThan(0);
});

test('with slowConsumer drop a slow client stays and misses messages', async () => {
  const ids: string[] = [];
  const cluster = await roles({
    events: { onConnect: (id) => void ids.push(id) },
    gatewayOptions: { sendToClientBufferSize: 500_000, slowConsumer: 'drop' },
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  client.pause();
  let sent = 0;
  await eventually(async () => {
    api.sendToAll(megabyte);
    sent += 1;
    await api.getAllClientIdCount();
    return (cluster.gateways[0]?.status().limits['slowConsumer'] ?? 0) > 0;
  });
  client.resume();
  await eventually(() => client.messages.length > 0);
  // What it had room for arrives, and so does what is sent once it reads again.
  await eventually(() => {
    api.sendToAll('here again');
    return client.messages.some((message) => message === 'here again');
  });
  expect(client.messages.filter((message) => message !== 'here again').length).toBeLessThan(sent);
  expect(client.isOpen).toBe(true);
});

test('a session cannot grow past 1 MiB, whoever writes to it, and stays what it was', async () => {
  const ids: string[] = [];
  const seen: unknown[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onMessage: (_id, message, ctx) => {
        if (message === 'grow') ctx.session = { ...ctx.session, own: 'o'.repeat(600_000) };
        else seen.push(Object.keys(ctx.session ?? {}).toSorted());
      },
    },
    gateways: 2,
    workers: 2,
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  const [id = ''] = ids;
  expect(() => api.setSession(id, { huge: 'x'.repeat(1_100_000) })).toThrow(RangeError);
  api.updateSession(id, { first: 'f'.repeat(600_000) });
  api.updateSession(id, { second: 's'.repeat(600_000) });
  expect(Object.keys((await api.getSession(id)) ?? {})).toEqual(['first']);
  await eventually(() => {
    client.send('look');
    return seen.length > 0;
  });
  client.send('grow');
  client.send('look');
  await eventually(() => {
    client.send('look');
    return JSON.stringify(seen.at(-1)) === '["first"]';
  });
  expect(Object.keys((await api.getSession(id)) ?? {})).toEqual(['first']);
  expect(
    cluster.gateways.map((gateway) => gateway.status().limits['sessionTooLarge']).toSorted(),
  ).toEqual([0, 1]);
});
