import { setTimeout as sleep } from 'node:timers/promises';
import type { EventHandler } from '@gatewayworker/business-worker';
import { quickStop, type StopOptions } from '@gatewayworker/core';
import { eventually, type Roles, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { gate, roles } from './roles.ts';

const graceful: StopOptions = { isGraceful: true, timeoutMs: 10_000, drainMs: 0 };

/** Counts messages in the session and answers them, after up to 20 ms: `worker number count`. */
function counting(workerId: number): EventHandler {
  return {
    onMessage: async (_id, message, ctx) => {
      const number = Number(message);
      const delayMs = (number * 7) % 21;
      if (delayMs > 0) await sleep(delayMs);
      const count = Number(ctx.session?.['count'] ?? 0) + 1;
      ctx.session = { count };
      ctx.send(`${workerId} ${number} ${count}`);
    },
  };
}

/** Starts a worker, and stops the one before it when it is linked. */
async function replaceWorker(cluster: Roles): Promise<void> {
  const before = cluster.workers.at(-1);
  await cluster.startWorker();
  await before?.stop(graceful);
}

function lostEvents(cluster: Roles): number {
  const counts = cluster.gateways.map((gateway) => gateway.status().limits['lostEvents'] ?? 0);
  return counts.reduce((total, count) => total + count, 0);
}

async function connectMany(cluster: Roles, count: number): Promise<TestClient[]> {
  const { length } = cluster.gateways;
  return await Promise.all(Array.from({ length: count }, (_, i) => cluster.connect(i % length)));
}

test.each([{ redeliver: false }, { redeliver: true }])(
  'drain: five replacements under load lose, repeat and reorder nothing, %j',
  async (workerOptions) => {
    const cluster = await roles({ events: counting, gateways: 2, workerOptions });
    const clients = await connectMany(cluster, 50);
    let replaced = 0;
    const say = async (client: TestClient): Promise<void> => {
      // Four in flight, so that a client has unfinished events whenever its worker is replaced.
      for (let sent = 0; sent < 200; sent += 1) {
        client.send(`${sent}`);
        await eventually(() => client.messages.length > sent - 4, { intervalMs: 2 });
      }
    };
    const replace = async (): Promise<void> => {
      for (; replaced < 5; replaced += 1) {
        const [first] = clients;
        const next = (replaced + 1) * 30;
        await eventually(() => (first?.messages.length ?? 0) >= next, { intervalMs: 2 });
        await replaceWorker(cluster);
      }
    };
    await Promise.all([replace(), ...clients.map(say)]);
    await eventually(() => clients.every(({ messages }) => messages.length >= 200));
    expect(replaced).toBe(5);
    for (const { messages, isOpen } of clients) {
      expect(isOpen).toBe(true);
      const seen = messages.map((message) => String(message).replace(/^\d+ /, ''));
      expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => `${i} ${i + 1}`));
    }
    const workers = clients.flatMap(({ messages }) => messages.map((text) => String(text)[0]));
    expect(new Set(workers)).toEqual(new Set(['0', '1', '2', '3', '4', '5']));
    expect(lostEvents(cluster)).toBe(0);
    expect(cluster.gateways.map((gateway) => gateway.status().inFlight)).toEqual([0, 0]);
  },
  60_000,
);

test('drain: two workers at a time give all their clients to the third', async () => {
  const cluster = await roles({ events: counting, workers: 3 });
  const clients = await connectMany(cluster, 30);
  for (const client of clients) for (let i = 0; i < 20; i += 1) client.send(`${i}`);
  await eventually(() => clients.every(({ messages }) => messages.length > 0));
  await Promise.all([cluster.workers[0]?.stop(graceful), cluster.workers[1]?.stop(graceful)]);
  for (const client of clients) client.send('20');
  await eventually(() => clients.every(({ messages }) => messages.length >= 21));
  for (const { messages } of clients) {
    expect(messages.at(-1)).toBe('2 20 21');
    const seen = messages.map((message) => String(message).replace(/^\d+ /, ''));
    expect(seen).toEqual(Array.from({ length: 21 }, (_, i) => `${i} ${i + 1}`));
  }
});

test('drain: a long callback delays its own client only', async () => {
  const long = gate();
  const ends: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onMessage: async (_id, message, ctx) => {
        if (message === 'long') await long.opened;
        ctx.session = { last: message };
        ctx.send(`${workerId} ${message}`);
      },
      onClose: (_id, ctx) => void ends.push(`${workerId} ${String(ctx.session?.['last'])}`),
    }),
  });
  const [busy, leaving, idle] = await connectMany(cluster, 3);
  busy?.send('long');
  leaving?.send('long');
  await eventually(() => cluster.workers[0]?.status().inFlight === 2);
  await cluster.startWorker();
  const stopped = cluster.workers[0]?.stop(graceful);
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  for (const text of ['a', 'b']) for (const client of [busy, leaving, idle]) client?.send(text);
  await eventually(() => idle?.messages.length === 2);
  expect(idle?.messages).toEqual(['1 a', '1 b']);
  await leaving?.close();
  expect([busy?.messages, ends]).toEqual([[], []]);
  long.open();
  await stopped;
  await eventually(() => busy?.messages.length === 3 && ends.length === 1);
  expect(busy?.messages).toEqual(['0 long', '1 a', '1 b']);
  expect(ends).toEqual(['1 b']);
  expect(lostEvents(cluster)).toBe(0);
});

test('drain: a hung callback is logged and ends at the deadline of the stop', async () => {
  const ids: string[] = [];
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onConnect: (id) => void ids.push(id),
      onMessage: (_id, message) => {
        seen.push(`${workerId} ${String(message)}`);
        return message === 'stuck' ? new Promise<void>(() => undefined) : undefined;
      },
      onWorkerStop: () => void seen.push(`${workerId} stop`),
    }),
  });
  const client = await cluster.connect();
  for (const text of ['stuck', 'waits']) client.send(text);
  await eventually(() => seen.length === 1);
  await cluster.startWorker();
  const stopped = cluster.workers[0]?.stop({ ...graceful, timeoutMs: 400 });
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  client.send('next');
  await stopped;
  await eventually(() => seen.length === 3);
  expect(seen).toEqual(['0 stuck', '0 stop', '1 next']);
  expect(cluster.log.find(({ msg }) => String(msg).startsWith('the worker stops'))).toMatchObject({
    events: 2,
    clients: 1,
    clientIds: ids,
    callbacks: 1,
  });
  expect(lostEvents(cluster)).toBe(2);
  expect(client.isOpen).toBe(true);
});

test('drain: messages of onWorkerStop and of running callbacks are sent', async () => {
  const slow = gate();
  const cluster = await roles({
    events: {
      onMessage: async (_id, message, ctx) => {
        await slow.opened;
        ctx.send(`answer to ${String(message)}`);
      },
      onWorkerStop: async ({ gateway }) => {
        gateway.sendToAll(`goodbye to ${await gateway.getAllClientIdCount()}`);
      },
    },
    gateways: 2,
  });
  const clients = await connectMany(cluster, 2);
  for (const client of clients) client.send('x');
  await eventually(() => cluster.workers[0]?.status().inFlight === 2);
  const stopped = cluster.workers[0]?.stop(graceful);
  slow.open();
  await stopped;
  await eventually(() => clients.every(({ messages }) => messages.length === 2));
  for (const { messages } of clients) expect(messages).toEqual(['answer to x', 'goodbye to 2']);
});

test.each([
  ['gracefully', graceful],
  ['without grace', quickStop],
])('worker.signal: aborts a waiting callback when the worker stops %s', async (_how, options) => {
  const seen: string[] = [];
  let signal = new AbortController().signal;
  const cluster = await roles({
    events: {
      onWorkerStart: (worker) => {
        signal = worker.signal;
      },
      onMessage: async (_id, _message, ctx) => {
        const end = await sleep(60_000, 'slept', { signal }).catch(() => 'aborted');
        seen.push(end);
        ctx.send(end);
      },
      onWorkerStop: (worker) => void seen.push(`stop ${worker.signal === signal}`),
    },
  });
  const [client] = await connectMany(cluster, 1);
  client?.send('x');
  await eventually(() => cluster.workers[0]?.status().inFlight === 1);
  expect(signal.aborted).toBe(false);
  await cluster.workers[0]?.stop(options);
  expect(seen).toEqual(['aborted', 'stop true']);
  expect(await client?.next()).toBe('aborted');
});

test('drain: clients of the only worker wait for the next one with their sessions', async () => {
  const cluster = await roles({ events: counting });
  const clients = await connectMany(cluster, 10);
  for (const client of clients) for (let i = 0; i < 5; i += 1) client.send(`${i}`);
  await eventually(() => clients.every(({ messages }) => messages.length > 0));
  await cluster.workers[0]?.stop(graceful);
  for (const client of clients) client.send('5');
  await cluster.startWorker();
  await eventually(() => clients.every(({ messages }) => messages.length === 6));
  for (const { messages } of clients) expect(messages.at(-1)).toBe('1 5 6');
  expect(lostEvents(cluster)).toBe(0);
});

test('quick stop: a worker still finishes short callbacks', async () => {
  const cluster = await roles({ events: counting, workers: 2 });
  const clients = await connectMany(cluster, 20);
  for (const client of clients) for (let i = 0; i < 10; i += 1) client.send(`${i}`);
  await eventually(() => clients.every(({ messages }) => messages.length > 0));
  await cluster.workers[0]?.stop();
  await eventually(() => clients.every(({ messages }) => messages.length === 10));
  expect(lostEvents(cluster)).toBe(0);
});

test('drain: unfinished events are redelivered before the held ones', async () => {
  const stuck = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onMessage: async (_id, message, ctx) => {
        seen.push(`${workerId} ${String(message)}${ctx.redelivered ? ' again' : ''}`);
        if (workerId === 0) await stuck.opened;
      },
    }),
    workerOptions: { redeliver: true },
  });
  const client = await cluster.connect();
  for (const text of ['a', 'b']) client.send(text);
  await eventually(() => seen.length === 1);
  const stopped = cluster.workers[0]?.stop({ ...graceful, timeoutMs: 300 });
  await eventually(() => cluster.gateways[0]?.workerCount === 0);
  client.send('c');
  await stopped;
  await cluster.startWorker();
  await eventually(() => seen.length === 4);
  expect(seen).toEqual(['0 a', '1 a again', '1 b again', '1 c']);
  expect(lostEvents(cluster)).toBe(0);
  stuck.open();
});

test('drain: a client that a draining worker admits gets another worker', async () => {
  const asked = gate();
  const decide = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onHandshake: async () => {
        asked.open();
        if (workerId === 0) await decide.opened;
        return { accept: true, session: { by: workerId } };
      },
      onConnect: (_id, ctx) => void seen.push(`${workerId} let in by ${ctx.session?.['by']}`),
    }),
  });
  const connecting = cluster.connect();
  await asked.opened;
  await cluster.startWorker();
  const stopped = cluster.workers[0]?.stop(graceful);
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  const other = await cluster.connect();
  decide.open();
  await Promise.all([connecting, stopped]);
  await eventually(() => seen.length === 2);
  expect(seen).toEqual(['1 let in by 1', '1 let in by 0']);
  expect(other.isOpen).toBe(true);
});

test('drain: a gateway that links during a drain does not delay it', async () => {
  const slow = gate();
  const cluster = await roles({ events: { onMessage: () => slow.opened } });
  const client = await cluster.connect();
  client.send('x');
  await eventually(() => cluster.workers[0]?.status().inFlight === 1);
  const stopped = cluster.workers[0]?.stop(graceful);
  const late = await cluster.startGateway();
  await eventually(() => cluster.workers[0]?.status().connections === 2);
  expect(late.workerCount).toBe(0);
  slow.open();
  await stopped;
  expect(cluster.log.filter(({ msg }) => String(msg).startsWith('the worker stops'))).toEqual([]);
});

test('drain: a paused client is read again once it has the next worker', async () => {
  const slow = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onMessage: async (_id, message) => {
        if (workerId === 0) await slow.opened;
        seen.push(String(message));
      },
    }),
    gatewayOptions: { maxEventsInFlight: 4, maxHeldBytes: 1024 },
  });
  const client = await cluster.connect();
  const payload = 'x'.repeat(1000);
  for (let i = 0; i < 500; i += 1) client.send(`${i} ${payload}`);
  await eventually(() => (cluster.gateways[0]?.status().inFlight ?? 0) >= 4);
  await cluster.startWorker();
  const stopped = cluster.workers[0]?.stop(graceful);
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  slow.open();
  await stopped;
  await eventually(() => seen.length === 500);
  expect(seen.map((text) => Number.parseInt(text, 10))).toEqual(
    Array.from({ length: 500 }, (_, i) => i),
  );
});
