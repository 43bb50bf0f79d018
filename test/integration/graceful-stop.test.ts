import type { StopOptions } from '@gatewayworker/core';
import { eventually, openTcpPeer } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { gate, roles } from './roles.ts';

const graceful: StopOptions = { isGraceful: true, timeoutMs: 10_000, drainMs: 0 };

test('graceful stop: a gateway handles what it has read, then closes with 1001', async () => {
  const slow = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: {
      onMessage: async (_id, message, ctx) => {
        await slow.opened;
        ctx.send(`answer to ${String(message)}`);
      },
      onClose: (_id, ctx) => void seen.push(`${ctx.closed?.by} ${ctx.closed?.code}`),
    },
  });
  const clients = await Promise.all(Array.from({ length: 5 }, () => cluster.connect()));
  const [gateway] = cluster.gateways;
  await eventually(() => gateway?.status().inFlight === 0);
  for (const client of clients) for (const text of ['a', 'b']) client.send(text);
  await eventually(() => gateway?.status().inFlight === 10);
  const stopped = gateway?.stop(graceful);
  await expect(cluster.connect()).rejects.toThrow();
  // Nothing more is read: this message gets no answer.
  for (const client of clients) client.send('late');
  expect(clients.every(({ isOpen }) => isOpen)).toBe(true);
  slow.open();
  await stopped;
  for (const client of clients) {
    expect(await client.ended).toEqual({ code: 1001, reason: 'the server stops' });
    expect(client.messages).toEqual(['answer to a', 'answer to b']);
  }
  expect(seen).toEqual(Array.from({ length: 5 }, () => 'server 1001'));
});

test('graceful stop: a gateway delivers the held events first', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
  });
  const client = await cluster.connect();
  await cluster.workers[0]?.stop(graceful);
  client.send('held');
  const [gateway] = cluster.gateways;
  await eventually(() => gateway?.status().inFlight === 1);
  const stopped = gateway?.stop(graceful);
  // It is still listed, so that a worker finds it.
  await cluster.startWorker().catch(() => undefined);
  await stopped;
  expect(await client.next()).toBe('held');
  expect(await client.ended).toMatchObject({ code: 1001 });
});

test('graceful stop: a gateway waits 3 s for a worker to deliver held events', async () => {
  const cluster = await roles({ events: {} });
  const client = await cluster.connect();
  await cluster.workers[0]?.stop(graceful);
  client.send('held');
  const [gateway] = cluster.gateways;
  await eventually(() => gateway?.status().inFlight === 1);
  // Ten times what the test may take.
  await gateway?.stop({ ...graceful, timeoutMs: 600_000 });
  expect(await client.ended).toMatchObject({ code: 1001 });
  const line = cluster.log.find(({ msg }) => String(msg).startsWith('events not acknowledged'));
  expect(line).toMatchObject({ events: 1 });
});

test('graceful stop: a hung callback delays a gateway until its deadline only', async () => {
  const cluster = await roles({
    events: { onMessage: () => new Promise<void>(() => undefined) },
  });
  const client = await cluster.connect();
  client.send('x');
  const [gateway] = cluster.gateways;
  await eventually(() => cluster.workers[0]?.status().inFlight === 1);
  await gateway?.stop({ ...graceful, timeoutMs: 400 });
  expect(await client.ended).toMatchObject({ code: 1001 });
  const line = cluster.log.find(({ msg }) => String(msg).startsWith('events not acknowledged'));
  expect(line).toMatchObject({ events: 1 });
});

test('quick stop: ends a graceful stop in progress', async () => {
  const cluster = await roles({
    events: { onMessage: () => new Promise<void>(() => undefined) },
  });
  const client = await cluster.connect();
  client.send('x');
  const [gateway] = cluster.gateways;
  await eventually(() => cluster.workers[0]?.status().inFlight === 1);
  const stopped = Promise.all([gateway?.stop(graceful), cluster.workers[0]?.stop(graceful)]);
  await Promise.all([
    gateway?.stop({ isGraceful: false, timeoutMs: 100, drainMs: 0 }),
    cluster.workers[0]?.stop({ isGraceful: false, timeoutMs: 100, drainMs: 0 }),
  ]);
  await stopped;
  expect(await client.ended).toMatchObject({ code: 1001 });
});

test('drain of a gateway: clients are closed over time with 1012 and a retry time', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => void ctx.send(message),
      onClose: (_id, ctx) => void ends.push([ctx.closed?.by, ctx.closed?.code]),
    },
    gateways: 2,
  });
  const clients = await Promise.all(Array.from({ length: 40 }, () => cluster.connect(0)));
  const other = await cluster.connect(1);
  const endedAt: number[] = [];
  for (const client of clients) void client.ended.then(() => endedAt.push(performance.now()));
  const stopped = cluster.gateways[0]?.stop({ ...graceful, drainMs: 1000 });
  await expect(cluster.connect(0)).rejects.toThrow();
  // Those whose turn has not come go on as before.
  await eventually(() => endedAt.length >= 5, { intervalMs: 5 });
  const last = clients.at(-1);
  last?.send('still here');
  expect(await last?.next()).toBe('still here');
  await stopped;
  await eventually(() => endedAt.length === 40);
  for (const client of clients) {
    const end = await client.ended;
    expect(end.code).toBe(1012);
    expect(end.reason).toMatch(/^retry in \d+-\d+ s$/);
  }
  expect(ends).toEqual(Array.from({ length: 40 }, () => ['server', 1012]));
  // Spread over the second, however late the machine is.
  const [first = 0] = endedAt;
  expect((endedAt.at(-1) ?? 0) - first).toBeGreaterThan(500);
  expect(other.isOpen).toBe(true);
});

test('drain of a gateway: clients of a byte stream are just closed', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: { onClose: (_id, ctx) => void ends.push(ctx.closed) },
    gatewayOptions: { listen: 'text://127.0.0.1:0' },
  });
  const [gateway] = cluster.gateways;
  const peer = await openTcpPeer(gateway?.port ?? 0);
  await eventually(() => gateway?.status().connections === 2);
  await gateway?.stop({ ...graceful, drainMs: 50 });
  await peer.ended;
  expect(ends).toEqual([{ by: 'server' }]);
});

test('maxHeldMs: late clients are closed with 1013, workers get their ends', async () => {
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onConnect: () => void seen.push(`${workerId} connect`),
      onMessage: (_id, message) => void seen.push(`${workerId} message ${String(message)}`),
      onClose: (_id, ctx) => void seen.push(`${workerId} close ${ctx.closed?.by}`),
    }),
    gatewayOptions: { maxHeldMs: 200 },
  });
  const [waiting, idle] = [await cluster.connect(), await cluster.connect()];
  await eventually(() => seen.length === 2);
  await cluster.workers[0]?.stop(graceful);
  for (const text of ['a', 'b', 'c']) waiting.send(text);
  expect(await waiting.ended).toEqual({ code: 1013, reason: 'no worker is ready' });
  const [gateway] = cluster.gateways;
  expect(gateway?.status().limits).toMatchObject({ heldTime: 1, lostEvents: 3 });
  expect(
    cluster.log.filter(({ msg }) => String(msg).startsWith('no worker within maxHeldMs')),
  ).toHaveLength(1);
  expect(idle.isOpen).toBe(true);
  idle.send('d');
  await cluster.startWorker();
  await eventually(() => seen.length === 4);
  expect(seen.slice(2).toSorted()).toEqual(['1 close server', '1 message d']);
});
