import type { Context, EventErrorInfo, EventHandler } from '@gatewayworker/business-worker';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { gate, roles } from './roles.ts';

test('events: onConnect, then the messages in order, then onClose once', async () => {
  const seen: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (_id, ctx) => void seen.push(`connect ${ctx.request?.query.get('room')}`),
      onMessage: (_id, message) => void seen.push(`message ${message}`),
      onClose: (_id, ctx) => void seen.push(`close ${ctx.closed?.by} ${ctx.closed?.code}`),
    },
  });
  const client = await cluster.connect(0, '/?room=r1');
  for (const text of ['1', '2', '3']) client.send(text);
  await eventually(() => seen.length === 4);
  await client.close(4000, 'done');
  await eventually(() => seen.length === 5);
  expect(seen).toEqual(['connect r1', 'message 1', 'message 2', 'message 3', 'close client 4000']);
});

test('onMessage: text is a string, binary is a Buffer; answers keep the kind', async () => {
  const kinds: string[] = [];
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => {
        kinds.push(Buffer.isBuffer(message) ? 'buffer' : typeof message);
        ctx.send(message);
      },
    },
  });
  const client = await cluster.connect();
  client.send('grüße 👋');
  client.send(Buffer.from([0, 255, 128, 10]));
  client.send('');
  expect(await client.next()).toBe('grüße 👋');
  expect(await client.next()).toEqual(Buffer.from([0, 255, 128, 10]));
  expect(await client.next()).toBe('');
  expect(kinds).toEqual(['string', 'buffer', 'string']);
});

test('onMessage: a message of maxMessageBytes passes both ways', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
    gatewayOptions: { maxMessageBytes: 4_000_000, sendToClientBufferSize: 1_024_000 },
  });
  const client = await cluster.connect();
  const large = Buffer.alloc(4_000_000, 'gw');
  client.send(large);
  expect(large.equals(Buffer.from(await client.next()))).toBe(true);
});

test('events: those of one client run one by one, other clients do not wait', async () => {
  const seen: string[] = [];
  const slow = gate();
  const cluster = await roles({
    events: {
      onMessage: async (_id, message) => {
        if (message === 'slow') await slow.opened;
        seen.push(String(message));
      },
    },
  });
  const first = await cluster.connect();
  const second = await cluster.connect();
  first.send('slow');
  first.send('after slow');
  second.send('other');
  await eventually(() => seen.length > 0);
  expect(seen).toEqual(['other']);
  slow.open();
  await eventually(() => seen.length === 3);
  expect(seen).toEqual(['other', 'slow', 'after slow']);
});

test('callback: an error is logged with the client id, later events run', async () => {
  const ids: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onMessage: async (_id, message, ctx) => {
        if (message === 'throw') throw new Error('thrown');
        await Promise.resolve();
        if (message === 'reject') throw new Error('rejected');
        ctx.send(message);
      },
    },
  });
  const client = await cluster.connect();
  for (const text of ['throw', 'reject', 'fine']) client.send(text);
  expect(await client.next()).toBe('fine');
  const errors = () => cluster.log.filter((line) => line['event'] === 'onMessage');
  // The log has one such line a second; the second one is written at the end of the second.
  await eventually(() => errors().length === 2);
  expect(errors().map((line) => line['clientId'])).toEqual([ids[0], ids[0]]);
});

test('onError: gets the error of a callback, which is not logged', async () => {
  const seen: [unknown, EventErrorInfo][] = [];
  const cluster = await roles({
    events: {
      onMessage: () => {
        throw new Error('thrown');
      },
      onError: (error, info) => void seen.push([error, info]),
    },
  });
  const client = await cluster.connect();
  client.send('x');
  await eventually(() => seen.length === 1);
  expect(seen[0]?.[0]).toEqual(new Error('thrown'));
  expect(seen[0]?.[1]).toEqual({ event: 'onMessage', clientId: expect.stringMatching(/^.{20}$/) });
  expect(cluster.log.some((line) => line['level'] === 50)).toBe(false);
});

test('ctx.send: works after an await and from a timer', async () => {
  const cluster = await roles({
    events: {
      onMessage: async (_id, message, ctx) => {
        await new Promise((resolve) => setImmediate(resolve));
        ctx.send(`after await ${message}`);
        setTimeout(() => ctx.send(`timer ${message}`), 1);
      },
    },
  });
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('after await x');
  expect(await client.next()).toBe('timer x');
});

test('ctx: has the id, address, listener and handshake of the client', async () => {
  const contexts: Context[] = [];
  const cluster = await roles({ events: { onConnect: (_id, ctx) => void contexts.push(ctx) } });
  const cookie = 'sid=a%20b; theme=dark';
  await cluster.connect(0, '/path?a=1&a=2', { headers: { cookie } });
  const context = await eventually(() => contexts[0]);
  expect(context).toMatchObject({
    clientId: expect.stringMatching(/^[\w-]{20}$/),
    uid: undefined,
    session: undefined,
    remoteAddress: expect.stringContaining('127.0.0.1'),
    remotePort: expect.any(Number),
    gatewayName: 'test-gateway',
    gatewayPort: cluster.gateways[0]?.port,
    redelivered: false,
    closed: undefined,
  });
  expect(context.request).toMatchObject({
    url: '/path?a=1&a=2',
    headers: { cookie, upgrade: 'websocket' },
    cookies: { sid: 'a b', theme: 'dark' },
  });
  expect(context.request?.query.getAll('a')).toEqual(['1', '2']);
});

test('onWorkerStart: runs with all links up, before clients are admitted', async () => {
  const start = gate();
  const handler: EventHandler = {
    onWorkerStart: async ({ gateway, id }) => {
      expect(id).toBe(0);
      expect(await gateway.getAllClientIdCount()).toBe(0);
      await start.opened;
    },
    onMessage: (_id, message, ctx) => void ctx.send(message),
  };
  const cluster = await roles({ events: handler, workers: 0, gateways: 2 });
  const starting = cluster.startWorker();
  await expect(cluster.connect()).rejects.toThrow('503');
  start.open();
  await starting;
  const client = await cluster.connect();
  client.send('in');
  expect(await client.next()).toBe('in');
});

test('onWorkerStart: a successor can query and send; events stay held until it ends', async () => {
  const start = gate();
  const seen: string[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onWorkerStart: async ({ gateway }) => {
        if (workerId === 0) return;
        gateway.sendToAll(`clients: ${await gateway.getAllClientIdCount()}`);
        await start.opened;
      },
      onMessage: (_id, message) => void seen.push(`${workerId} ${message}`),
    }),
  });
  const [gateway] = cluster.gateways;
  const clients = [await cluster.connect(), await cluster.connect()] as const;
  await cluster.workers[0]?.stop();
  await eventually(() => gateway?.workerCount === 0);
  for (const text of ['1', '2', '3']) clients[0].send(text);
  await eventually(() => gateway?.status().tables['heldEvents'] === 3);
  const starting = cluster.startWorker();
  for (const client of clients) expect(await client.next()).toBe('clients: 2');
  await expect(cluster.connect()).rejects.toThrow('503');
  expect(gateway?.status().tables['heldEvents']).toBe(3);
  expect(seen).toEqual([]);
  start.open();
  await starting;
  await eventually(() => seen.length === 3);
  expect(seen).toEqual(['1 1', '1 2', '1 3']);
});

test('onWorkerStop: runs once, after the callbacks in progress', async () => {
  const seen: string[] = [];
  const slow = gate();
  const cluster = await roles({
    events: {
      onMessage: async () => {
        seen.push('message');
        await slow.opened;
        seen.push('message done');
      },
      onWorkerStop: () => void seen.push('stop'),
    },
  });
  const client = await cluster.connect();
  client.send('x');
  await eventually(() => seen.length === 1);
  const stopping = cluster.workers[0]?.stop();
  slow.open();
  await stopping;
  expect(seen.slice(0, 3)).toEqual(['message', 'message done', 'stop']);
});

test('ctx.uid: never an older uid than the last one that its worker has bound', async () => {
  const seen: (string | undefined)[] = [];
  let api: GatewayClient | undefined;
  const cluster = await roles({
    events: {
      onWorkerStart: ({ gateway }) => {
        api = gateway;
      },
      onMessage: async (id, message, ctx) => {
        for (let index = 0; index < 100; index += 1) {
          api?.bindUid(id, `u${index}`);
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          seen.push(ctx.uid);
        }
        ctx.send(message);
      },
    },
  });
  const client = await cluster.connect();
  client.send('x');
  await client.next();
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => `u${index}`));
});
