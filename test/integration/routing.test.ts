import { eventually, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { gate, roles } from './roles.ts';

test('routing: clients are spread evenly over workers and stay with theirs', async () => {
  const workerOf = new Map<string, Set<number>>();
  const cluster = await roles({
    events: (workerId) => ({
      onMessage: (id, message, ctx) => {
        workerOf.set(id, (workerOf.get(id) ?? new Set()).add(workerId));
        ctx.send(message);
      },
    }),
    workers: 2,
  });
  const clients = await Promise.all(Array.from({ length: 10 }, () => cluster.connect()));
  for (let round = 0; round < 3; round += 1) {
    for (const client of clients) client.send('x');
    for (const client of clients) await client.next();
  }
  const bound = [...workerOf.values()].map((workers) => [...workers]);
  expect(bound.every((workers) => workers.length === 1)).toBe(true);
  expect(bound.filter(([worker]) => worker === 0)).toHaveLength(5);
});

test('no worker: events are held in order, new clients get 503', async () => {
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onConnect: (_id, ctx) => {
        ctx.session = { from: workerId };
      },
      onMessage: (_id, message, ctx) => {
        seen.push(`${workerId} ${message} ${ctx.session?.['from']}`);
        ctx.send(message);
      },
      onClose: (_id, ctx) => void seen.push(`${workerId} close ${ctx.session?.['from']}`),
    }),
  });
  const stays = await cluster.connect();
  const leaves = await cluster.connect();
  stays.send('first');
  await stays.next();
  await cluster.workers[0]?.stop();
  await eventually(() => cluster.gateways[0]?.workerCount === 0);
  for (const text of ['1', '2', '3']) stays.send(text);
  leaves.send('held');
  await leaves.close();
  await expect(cluster.connect()).rejects.toThrow('503');
  expect(stays.isOpen).toBe(true);
  await cluster.startWorker();
  await eventually(() => seen.length === 6);
  expect(seen.filter((line) => line.endsWith('0') && /\d (first|[123]) /.test(line))).toEqual([
    '0 first 0',
    '1 1 0',
    '1 2 0',
    '1 3 0',
  ]);
  expect(seen.filter((line) => /held|close/.test(line))).toEqual(['1 held 0', '1 close 0']);
});

test('maxEventsInFlight: reading stops at it, no event is lost', async () => {
  let running = 0;
  const { opened: released, open: release } = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: {
      onMessage: async (_id, message) => {
        running += 1;
        await released;
        seen.push(String(message));
      },
    },
    gatewayOptions: { maxEventsInFlight: 8 },
  });
  const client = await cluster.connect();
  const payload = 'x'.repeat(10_000);
  // Far more than the buffers of the sockets hold.
  for (let index = 0; index < 2000; index += 1) client.send(`${index} ${payload}`);
  await eventually(() => running === 1 && (cluster.gateways[0]?.status().inFlight ?? 0) >= 8);
  // Only messages of the last read of the socket may pass the bound.
  expect(cluster.gateways[0]?.status().inFlight).toBeLessThan(8 + 20);
  release();
  await eventually(() => seen.length === 2000, { timeoutMs: 50_000 });
  expect(seen.map((message) => Number.parseInt(message, 10))).toEqual(
    Array.from({ length: 2000 }, (_, index) => index),
  );
  expect(cluster.gateways[0]?.status().inFlight).toBe(0);
});

test.each([false, true])(
  'maxEventBytesInFlight: holds for each of 16 clients, redeliver %s',
  async (redeliver) => {
    const { opened: released, open: release } = gate();
    const seen = new Map<string, number>();
    const cluster = await roles({
      events: {
        onMessage: async (id) => {
          await released;
          seen.set(id, (seen.get(id) ?? 0) + 1);
        },
      },
      workerOptions: { redeliver },
      gatewayOptions: { maxEventBytesInFlight: 100_000 },
    });
    const [gateway] = cluster.gateways;
    const clients = await Promise.all(Array.from({ length: 16 }, () => cluster.connect()));
    const message = Buffer.alloc(50_000, 1);
    for (const client of clients) for (let sent = 0; sent < 64; sent += 1) client.send(message);
    // Each client has 2 messages in flight, and those of the last read of its socket.
    await eventually(() => gateway?.status().inFlight === 32);
    expect(gateway?.status().limits['eventBytesInFlight']).toBe(16);
    release();
    await eventually(() => [...seen.values()].reduce((sum, count) => sum + count, 0) === 16 * 64, {
      timeoutMs: 20_000,
    });
    expect([...seen.values()]).toEqual(Array(16).fill(64));
    await eventually(() => gateway?.status().inFlight === 0);
  },
);

test.each([
  ['random', (counts: readonly number[]) => counts.every((count) => count > 0)],
  ['roundRobin', (counts: readonly number[]) => counts.every((count) => count === 20)],
] as const)('router %s: spreads clients over the workers', async (router, isSpread) => {
  const counts = [0, 0];
  const cluster = await roles({
    events: (workerId) => ({
      onConnect: () => {
        counts[workerId] = (counts[workerId] ?? 0) + 1;
      },
    }),
    gateways: 2,
    workers: 2,
    gatewayOptions: { router },
  });
  for (let index = 0; index < 40; index += 1) await cluster.connect(index % 2);
  await eventually(() => counts.reduce((total, count) => total + count) === 40);
  expect(isSpread(counts)).toBe(true);
});

test('router function: chooses by the handshake; if it throws, the default does', async () => {
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onConnect: (_id, ctx) => void seen.push(`${ctx.request?.query.get('worker')} ${workerId}`),
    }),
    gateways: 2,
    workers: 2,
    gatewayOptions: {
      router: (workers, client) => {
        const wanted = Number(new URL(`http://x${client.request?.url}`).searchParams.get('worker'));
        const worker = workers.find(({ id }) => id === wanted);
        if (worker === undefined) throw new Error(`no worker ${wanted}`);
        return worker;
      },
    },
  });
  for (const [gateway, worker] of [
    [0, 1],
    [1, 1],
    [0, 0],
    [1, 1],
  ]) {
    await cluster.connect(gateway, `/?worker=${worker}`);
  }
  await eventually(() => seen.length === 4);
  expect(seen.toSorted()).toEqual(['0 0', '1 1', '1 1', '1 1']);
  await cluster.connect(0, '/?worker=9');
  await eventually(() => seen.length === 5);
  expect(cluster.log.filter((line) => line['msg'] === 'the router function failed')).toHaveLength(
    1,
  );
});

test('rebalancing: moves idle clients, in order, and respects other routers', async () => {
  const seen: { worker: number; id: string; number: number; count: number }[] = [];
  const cluster = await roles({
    events: (worker) => ({
      onMessage: (id, message, ctx) => {
        const count = Number(ctx.session?.['count'] ?? 0) + 1;
        ctx.session = { count };
        seen.push({ worker, id, number: Number(message), count });
        ctx.send(message);
      },
    }),
    gateways: 2,
    gatewayOptions: (id) => (id === 0 ? {} : { router: ([first = fail()]) => first }),
  });
  const shares = (gatewayId: number): number[] => {
    const clients = [...(cluster.gateways[gatewayId]?.connections() ?? [])].flat();
    return ['test-worker#0', 'test-worker#1'].map(
      (name) => clients.filter(({ worker }) => worker === name).length,
    );
  };
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, index) => cluster.connect(index % 2)),
  );
  // Half of the clients send while they are moved, the others afterwards.
  let hasMoved = false;
  const talk = async (client: TestClient): Promise<void> => {
    let isLast = false;
    for (let number = 1; !isLast; number += 1) {
      // The last message follows the moves, so that the new worker gets it.
      isLast = number >= 20 && hasMoved;
      client.send(`${number}`);
      expect(await client.next()).toBe(`${number}`);
    }
  };
  expect([shares(0), shares(1)]).toEqual([
    [10, 0],
    [10, 0],
  ]);
  await cluster.startWorker();
  const talking = clients.slice(0, 10).map(talk);
  await eventually(() => Math.max(...shares(0)) <= 6);
  hasMoved = true;
  await Promise.all([...talking, ...clients.slice(10).map(talk)]);
  for (const id of new Set(seen.map((one) => one.id))) {
    const own = seen.filter((one) => one.id === id);
    const expected = own.map((_, index) => index + 1);
    expect(own.map(({ number }) => number)).toEqual(expected);
    expect(own.map(({ count }) => count)).toEqual(expected);
  }
  expect(new Set(seen.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
  expect(shares(1)).toEqual([10, 0]);
  expect(clients.every(({ isOpen }) => isOpen)).toBe(true);
});

function fail(): never {
  throw new Error('a router is asked only when there are workers');
}
