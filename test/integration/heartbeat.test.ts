import { once } from 'node:events';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { roles } from './roles.ts';

const quick = { pingInterval: 0.1, pingNotResponseLimit: 2 };

test('heartbeat: a client that answers pings stays, a silent one is closed', async () => {
  const ends: [string, unknown][] = [];
  const ids: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (id, ctx) => void ends.push([id, ctx.closed?.by]),
    },
    gateways: 2,
    workers: 2,
    gatewayOptions: quick,
  });
  const answers = await cluster.connect(0);
  await eventually(() => ids.length === 1);
  const silent = new WebSocket(`ws://127.0.0.1:${cluster.gateways[1]?.port}/`, { autoPong: false });
  let pings = 0;
  silent.on('ping', () => {
    pings += 1;
  });
  await once(silent, 'close');
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([[ids[1], 'heartbeat']]);
  expect(pings).toBeGreaterThan(0);
  expect(cluster.gateways[1]?.status().limits['heartbeat']).toBe(1);
  expect(answers.isOpen).toBe(true);
});

test('heartbeat: messages count, even if pings are not answered', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
    gatewayOptions: quick,
  });
  const url = `ws://127.0.0.1:${cluster.gateways[0]?.port}/`;
  const client = new WebSocket(url, { autoPong: false });
  await once(client, 'open');
  let pings = 0;
  client.on('ping', () => {
    pings += 1;
  });
  let echoes = 0;
  client.on('message', () => {
    echoes += 1;
    setTimeout(() => client.send('alive'), 20);
  });
  client.send('alive');
  await eventually(() => pings >= 6 && echoes >= 10);
  expect(client.readyState).toBe(WebSocket.OPEN);
  client.terminate();
});

test('pingData: sent as a message; the client must answer with a message', async () => {
  const cluster = await roles({
    events: { onConnect: () => undefined },
    gatewayOptions: { ...quick, pingData: '{"type":"ping"}' },
  });
  const client = await cluster.connect();
  expect(await client.next()).toBe('{"type":"ping"}');
  // No pong answers a ping that is a message.
  await client.ended;
});

test('pingNotResponseLimit 0: a silent client is pinged and stays', async () => {
  const cluster = await roles({
    events: { onConnect: () => undefined },
    gatewayOptions: { pingInterval: 0.05, pingNotResponseLimit: 0, pingData: 'ping' },
  });
  const client = await cluster.connect();
  await eventually(() => client.messages.length >= 8);
  expect(client.isOpen).toBe(true);
});

test('heartbeat: a client that the gateway does not read from is not silent', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let handled = 0;
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onMessage: async () => {
        await released;
        handled += 1;
      },
      onClose: (_id, ctx) => void ends.push(ctx.closed?.by),
    },
    gatewayOptions: { pingInterval: 0.05, pingNotResponseLimit: 2, maxEventsInFlight: 4 },
  });
  const paused = await cluster.connect();
  const silent = new WebSocket(`ws://127.0.0.1:${cluster.gateways[0]?.port}/`, { autoPong: false });
  for (let index = 0; index < 20; index += 1) paused.send('x');
  // The same time would have closed the other one.
  await once(silent, 'close');
  expect(paused.isOpen).toBe(true);
  release();
  await eventually(() => handled === 20);
  expect(ends).toEqual(['heartbeat']);
  expect(cluster.gateways[0]?.status().limits['eventsInFlight']).toBeGreaterThan(0);
});
