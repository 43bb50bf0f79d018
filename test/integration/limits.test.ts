import { linkTiming } from '@gatewayworker/core';
import {
  eventually,
  FaultProxy,
  freePorts,
  openTcpPeer,
  type TcpPeer,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

test('maxMessagesPerSecond: a client above it is closed with 1008, others stay', async () => {
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

test('slowConsumer close: closed with 1013, others get every message', async () => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (_id, ctx) => void ends.push([ctx.closed?.by, ctx.closed?.code]),
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
  expect(ends).toEqual([['overflow', 1013]]);
  expect(quick.isOpen).toBe(true);
  expect(cluster.gateways[0]?.status().limits['slowConsumer']).toBeGreaterThan(0);
  expect(cluster.gateways[0]?.status().failedSends).toBeGreaterThan(0);
});

test('slowConsumer drop: a slow client stays and misses messages', async () => {
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
  // Messages that had room arrive, and messages sent after it reads again.
  await eventually(() => {
    api.sendToAll('here again');
    return client.messages.some((message) => message === 'here again');
  });
  expect(client.messages.filter((message) => message !== 'here again').length).toBeLessThan(sent);
  expect(client.isOpen).toBe(true);
});

test('session: a change past 1 MiB is refused, by the API and by a callback', async () => {
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

test('maxConnections: half-open connections beyond it are closed at once, counted', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
    gatewayOptions: { maxConnections: 1, handshakeTimeoutMs: 3_600_000 },
  });
  const [gateway] = cluster.gateways;
  const member = await cluster.connect();
  const held: TcpPeer[] = [];
  onTestFinished(() => {
    for (const peer of held) peer.destroy();
  });
  const hold = async (count: number): Promise<TcpPeer[]> => {
    const opened = Array.from({ length: count }, () => openTcpPeer(gateway?.port ?? 0));
    const peers = await Promise.all(opened);
    held.push(...peers);
    return peers;
  };
  // 1024 more may begin a handshake.
  for (let round = 0; round < 16; round += 1) await hold(64);
  expect(gateway?.status().limits['connections']).toBe(0);
  const extra = await hold(10);
  await Promise.all(extra.map((peer) => peer.ended));
  await eventually(() => gateway?.status().limits['connections'] === 10);
  member.send('still here');
  expect(await member.next()).toBe('still here');
  // One that leaves makes room for another.
  held[0]?.destroy();
  await eventually(async () => {
    const [next] = await hold(1);
    next?.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await next?.ended;
    return next?.received.includes('426') === true;
  });
});

/** Sends messages that begin with their number. */
function sendNumbered(client: TestClient, count: number, byteLength: number): void {
  const rest = 'x'.repeat(byteLength);
  for (let number = 0; number < count; number += 1) client.send(`${number} ${rest}`);
}

/** Takes the number of a message. */
function numberOf(message: string | Buffer): number {
  return Number.parseInt(String(message), 10);
}

test('sendToWorkerBufferSize: events are complete and in order after a full link', async () => {
  const { heartbeatMs, resumeGraceMs } = linkTiming;
  onTestFinished(() => void Object.assign(linkTiming, { heartbeatMs, resumeGraceMs }));
  Object.assign(linkTiming, { heartbeatMs: 60_000, resumeGraceMs: 60_000 });
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const seen: number[] = [];
  const cluster = await roles({
    events: { onMessage: (_id, message) => void seen.push(numberOf(message)) },
    gatewayOptions: {
      startPort: proxy.port,
      innerListen: `127.0.0.1:${innerPort}`,
      sendToWorkerBufferSize: 65_536,
      maxEventsInFlight: 65_536,
      maxEventBytesInFlight: 1_073_741_824,
      maxEventBytesInFlightPerWorker: 1_073_741_824,
    },
  });
  const client = await cluster.connect();
  proxy.set({ isBlackHole: true });
  sendNumbered(client, 200, 250_000);
  await eventually(() => (cluster.gateways[0]?.status().limits['workerLinkFull'] ?? 0) > 0);
  expect(seen).toEqual([]);
  proxy.set({});
  // The black hole has lost bytes, so the link must resume.
  proxy.cut();
  await eventually(() => seen.length >= 200, { timeoutMs: 50_000 });
  expect(seen).toEqual(Array.from({ length: 200 }, (_, number) => number));
});

test('maxHeldBytes: events are complete and in order after it paused reading', async () => {
  const seen: number[] = [];
  const cluster = await roles({
    events: { onMessage: (_id, message) => void seen.push(numberOf(message)) },
    gatewayOptions: { maxHeldBytes: 100_000 },
  });
  const client = await cluster.connect();
  await cluster.workers[0]?.stop();
  sendNumbered(client, 50, 50_000);
  await eventually(() => (cluster.gateways[0]?.status().limits['heldBytes'] ?? 0) > 0);
  expect(seen).toEqual([]);
  await cluster.startWorker();
  await eventually(() => seen.length >= 50);
  expect(seen).toEqual(Array.from({ length: 50 }, (_, number) => number));
});
