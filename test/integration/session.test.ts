import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { gate, roles } from './roles.ts';

test('session: set, changed in place and unset, seen by the next event', async () => {
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => {
        ctx.send(JSON.stringify(ctx.session ?? null));
        if (message === 'set') ctx.session = { name: 'Tom', tags: ['a'] };
        if (message === 'change' && Array.isArray(ctx.session?.['tags'])) {
          ctx.session['tags'].push('b');
        }
        if (message === 'unset') ctx.session = undefined;
      },
    },
  });
  const client = await cluster.connect();
  for (const text of ['set', 'change', 'unset', 'last']) client.send(text);
  expect(await client.nextJson()).toBeNull();
  expect(await client.nextJson()).toEqual({ name: 'Tom', tags: ['a'] });
  expect(await client.nextJson()).toEqual({ name: 'Tom', tags: ['a', 'b'] });
  expect(await client.nextJson()).toBeNull();
});

test('session: onClose has the last one', async () => {
  const last: unknown[] = [];
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => {
        ctx.session = { said: message };
      },
      onClose: (_id, ctx) => void last.push(ctx.session),
    },
  });
  const client = await cluster.connect();
  client.send('bye');
  await client.close();
  await eventually(() => last.length === 1);
  expect(last).toEqual([{ said: 'bye' }]);
});

test('session: changes of others during a callback are merged with its own', async () => {
  const { opened: released, open: release } = gate();
  const ids: string[] = [];
  const workers: GatewayClient[] = [];
  const cluster = await roles({
    workers: 2,
    events: {
      onWorkerStart: ({ gateway }) => void workers.push(gateway),
      onConnect: (id, ctx) => {
        ids.push(id);
        ctx.session = { a: 1, b: 1, deep: { x: 1 } };
      },
      onMessage: async (_id, message, ctx) => {
        if (message === 'change') {
          if (ctx.session !== undefined) ctx.session['a'] = 2;
          ctx.send('running');
          await released;
        } else {
          ctx.send(JSON.stringify(ctx.session));
        }
      },
    },
  });
  const outside = await cluster.gatewayClient();
  const client = await cluster.connect();
  client.send('change');
  expect(await client.next()).toBe('running');
  const [id = ''] = ids;
  outside.updateSession(id, { b: 2, deep: { y: 2 } });
  for (const [index, worker] of workers.entries()) {
    worker.updateSession(id, { [`worker${index}`]: true });
    await worker.isOnline(id);
  }
  const others = { b: 2, deep: { x: 1, y: 2 }, worker0: true, worker1: true };
  // The change of the callback is stored when it has finished.
  expect(await outside.getSession(id)).toEqual({ a: 1, ...others });
  release();
  await eventually(async () => (await outside.getSession(id))?.['a'] === 2);
  client.send('show');
  expect(await client.nextJson()).toEqual({ a: 2, ...others });
  outside.setSession(id, { only: true });
  expect(await outside.getSession(id)).toEqual({ only: true });
  client.send('show');
  expect(await client.nextJson()).toEqual({ only: true });
});

test('session: changes of others inside an object that the callback holds', async () => {
  const { opened: released, open: release } = gate();
  const ids: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id, ctx) => {
        ids.push(id);
        ctx.session = { cart: { a: 1, deep: { x: 1 } } };
      },
      onMessage: async (_id, message, ctx) => {
        if (message === 'change') {
          const cart = Object(ctx.session?.['cart']);
          cart.before = 2;
          ctx.send('running');
          await released;
          cart.after = cart.c;
          cart.deep.y = 2;
        } else {
          ctx.send(JSON.stringify(ctx.session));
        }
      },
    },
  });
  const outside = await cluster.gatewayClient();
  const client = await cluster.connect();
  client.send('change');
  expect(await client.next()).toBe('running');
  const [id = ''] = ids;
  outside.updateSession(id, { cart: { c: 3, deep: { z: 3 } }, ready: true });
  await outside.isOnline(id);
  client.send('show');
  release();
  const all = {
    cart: { a: 1, before: 2, c: 3, after: 3, deep: { x: 1, y: 2, z: 3 } },
    ready: true,
  };
  expect(await client.nextJson()).toEqual(all);
  expect(await outside.getSession(id)).toEqual(all);
});

test('session: changes by gateway are seen at once and by the next event', async () => {
  let api: GatewayClient | undefined;
  const cluster = await roles({
    events: {
      onWorkerStart: ({ gateway }) => {
        api = gateway;
      },
      onMessage: (id, message, ctx) => {
        const count = Number(ctx.session?.['count'] ?? 0);
        if (message === 'count') api?.updateSession(id, { count: count + 1 });
        if (message === 'replace') api?.setSession(id, { count, replaced: true });
        ctx.send(JSON.stringify(ctx.session));
      },
    },
  });
  const client = await cluster.connect();
  for (let index = 0; index < 20; index += 1) client.send('count');
  client.send('replace');
  client.send('count');
  for (let count = 1; count <= 20; count += 1) expect(await client.nextJson()).toEqual({ count });
  expect(await client.nextJson()).toEqual({ count: 20, replaced: true });
  expect(await client.nextJson()).toEqual({ count: 21, replaced: true });
  const outside = await cluster.gatewayClient();
  const sessions = await outside.getAllClientSessions();
  expect([...sessions.values()]).toEqual([{ count: 21, replaced: true }]);
});

test('session: a wrong type fails in its callback only', async () => {
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => {
        if (message === 'bad') Reflect.set(ctx, 'session', 'text');
        ctx.send('fine');
      },
    },
  });
  const client = await cluster.connect();
  client.send('bad');
  client.send('good');
  expect(await client.next()).toBe('fine');
  expect(client.messages).toEqual([]);
  expect(cluster.log.filter((line) => line['event'] === 'onMessage')).toHaveLength(1);
});

test('session: too large, fails in its callback only', async () => {
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => {
        if (message === 'large') ctx.session = { data: 'x'.repeat(2_000_000) };
        ctx.send(JSON.stringify(ctx.session ?? null).slice(0, 10));
      },
    },
  });
  const client = await cluster.connect();
  client.send('large');
  client.send('after');
  expect(await client.next()).toBe('{"data":"x');
  expect(await client.next()).toBe('null');
  expect(cluster.log.filter((line) => line['event'] === 'onMessage')).toHaveLength(1);
});
