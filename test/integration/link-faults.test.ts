import { linkTiming } from '@gatewayworker/core';
import {
  eventually,
  FaultProxy,
  freePorts,
  type Roles,
  type TestClient,
} from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

interface Faulty {
  readonly cluster: Roles;
  /** Between the workers and the gateway. */
  readonly proxy: FaultProxy;
  /** Id and `closed.by` of each `onClose`. */
  readonly ends: (readonly [string, unknown])[];
}

/** For tests in which every interruption must end with a resume, however busy the machine is. */
function resumeLate(): void {
  const { resumeGraceMs } = linkTiming;
  linkTiming.resumeGraceMs = 60_000;
  onTestFinished(() => {
    linkTiming.resumeGraceMs = resumeGraceMs;
  });
}

/** A gateway that workers reach through a network with faults. */
async function startFaulty(events: EventHandler, workers = 2): Promise<Faulty> {
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const ends: (readonly [string, unknown])[] = [];
  const cluster = await roles({
    events: { onClose: (id, ctx) => void ends.push([id, ctx.closed?.by]), ...events },
    workers,
    gatewayOptions: { startPort: proxy.port, innerListen: `127.0.0.1:${innerPort}` },
  });
  return { cluster, proxy, ends };
}

/** Echoes each message, every third one after 1 ms. */
const echo: EventHandler = {
  onMessage: async (_id, message, ctx) => {
    if (Number(message) % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    ctx.send(message);
  },
};

/** Sends numbered messages by all clients in rounds, and calls a function after each round. */
async function talk(
  clients: readonly TestClient[],
  rounds: number,
  between: (round: number) => void | Promise<void>,
): Promise<void> {
  const perRound = 20;
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < perRound; index += 1) {
      for (const client of clients) client.send(String(round * perRound + index));
    }
    await between(round);
  }
  const expected = Array.from({ length: rounds * perRound }, (_, number) => String(number));
  for (const client of clients) {
    await eventually(() => client.messages.length >= expected.length, { timeoutMs: 50_000 });
    expect(client.messages).toEqual(expected);
  }
}

async function openMany(cluster: Roles, count: number): Promise<TestClient[]> {
  return await Promise.all(Array.from({ length: count }, () => cluster.connect()));
}

/** Waits until the workers have new connections. */
async function awaitReconnect(proxy: FaultProxy, accepted: number): Promise<void> {
  await eventually(() => proxy.accepted >= accepted && proxy.connections >= 2);
}

test('resume: repeated cuts lose, repeat and reorder nothing', async () => {
  resumeLate();
  const { cluster, proxy, ends } = await startFaulty(echo);
  const clients = await openMany(cluster, 20);
  await talk(clients, 10, async () => {
    const { accepted } = proxy;
    proxy.cut();
    await awaitReconnect(proxy, accepted + 2);
  });
  expect(ends).toEqual([]);
  expect(cluster.log.filter(({ msg }) => msg === 'inner link resumed').length).toBeGreaterThan(20);
});

test('resume: one cut with the default grace loses and repeats nothing', async () => {
  const { cluster, proxy, ends } = await startFaulty(echo);
  const clients = await openMany(cluster, 4);
  await talk(clients, 2, (round) => {
    if (round === 0) proxy.cut();
  });
  expect(ends).toEqual([]);
  await eventually(() => cluster.log.filter(({ msg }) => msg === 'inner link resumed').length >= 2);
});

test('resume: works if only one end notices the cut', async () => {
  resumeLate();
  const { cluster, proxy, ends } = await startFaulty(echo);
  const clients = await openMany(cluster, 10);
  await talk(clients, 5, async () => {
    const { accepted } = proxy;
    proxy.cutHalf();
    await awaitReconnect(proxy, accepted + 2);
  });
  expect(ends).toEqual([]);
});

test.each([
  ['in pieces of one to three bytes', { pieceBytes: 3 }],
  ['late', { delayMs: 5 }],
  ['late and in pieces', { delayMs: 3, pieceBytes: 500 }],
])('resume: bytes that arrive %s, with cuts, are complete', async (_name, faults) => {
  resumeLate();
  const { cluster, proxy } = await startFaulty(echo);
  const clients = await openMany(cluster, 4);
  proxy.set(faults);
  await talk(clients, 4, (round) => {
    if (round % 2 === 1) proxy.cut();
  });
});

test('resume: bytes that the network lost before the cut are sent again', async () => {
  resumeLate();
  const { cluster, proxy } = await startFaulty(echo);
  const clients = await openMany(cluster, 5);
  await talk(clients, 4, async () => {
    proxy.set({ isBlackHole: true });
    const { accepted } = proxy;
    await Promise.all(clients.map((client) => client.ping()));
    proxy.set({});
    proxy.cut();
    await awaitReconnect(proxy, accepted + 2);
  });
});

test('resume: commands and queries in flight at a cut are run once', async () => {
  resumeLate();
  const { cluster, proxy } = await startFaulty({});
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  const [id = ''] = await api.getAllClientIdList();
  for (let round = 0; round < 10; round += 1) {
    api.joinGroup(id, `room ${round}`);
    api.sendToGroup(`room ${round}`, `hello ${round}`);
    const count = api.getClientIdCountByGroup(`room ${round}`);
    proxy.cut();
    api.sendToClient(id, `behind ${round}`);
    expect(await count).toBe(1);
  }
  await eventually(() => client.messages.length >= 20);
  const rounds = Array.from({ length: 10 }, (_, round) => [`hello ${round}`, `behind ${round}`]);
  expect(client.messages).toEqual(rounds.flat());
});

test('unreachable gateway: no client ends while a register knows it to live', async () => {
  const { cluster, proxy, ends } = await startFaulty(echo);
  const clients = await openMany(cluster, 6);
  const [gateway] = cluster.gateways;
  proxy.refuse(true);
  proxy.cut();
  await eventually(() => gateway?.workerCount === 0);
  for (const client of clients) client.send('1');
  proxy.refuse(false);
  for (const client of clients) {
    await eventually(() => client.messages.length === 1);
    expect(client.isOpen).toBe(true);
  }
  expect(ends).toEqual([]);
  await Promise.all(clients.map((client) => client.close()));
  await eventually(() => ends.length === clients.length);
  expect(new Set(ends.map(([id]) => id)).size).toBe(clients.length);
});

test('gateway-lost by mistake: each client ends once and is closed with 1012', async () => {
  const { cluster, proxy, ends } = await startFaulty(echo, 1);
  const clients = await openMany(cluster, 6);
  await cluster.stopRegister();
  proxy.refuse(true);
  proxy.cut();
  await eventually(() => ends.length === 6);
  expect(new Set(ends.map(([, by]) => by))).toEqual(new Set(['gateway-lost']));
  expect(new Set(ends.map(([id]) => id)).size).toBe(6);
  proxy.refuse(false);
  for (const client of clients) {
    expect(await client.ended).toEqual({ code: 1012, reason: 'retry in 1-5 s' });
  }
  const again = await cluster.connect();
  again.send('1');
  expect(await again.next()).toBe('1');
  expect(ends).toHaveLength(6);
});

test('hung link: clients of other links are not delayed', async () => {
  const [first = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(first);
  onTestFinished(() => proxy.stop());
  const cluster = await roles({
    events: echo,
    gateways: 2,
    workers: 2,
    gatewayOptions: (id) =>
      id === 0 ? { startPort: proxy.port, innerListen: `127.0.0.1:${first}` } : {},
  });
  const api = await cluster.gatewayClient({ queryTimeoutMs: 300 });
  const [hung, free] = [await cluster.connect(0), await cluster.connect(1)];
  proxy.set({ isBlackHole: true });
  hung.send('1');
  await talk([free], 5, () => undefined);
  api.sendToAll('to all');
  await eventually(() => free.messages.includes('to all'));
  await expect(api.getAllClientIdCount()).rejects.toMatchObject({ partial: 1 });
});
