import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

test('a session that a callback sets or changes is there in the next event', async () => {
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

test('onClose has the last session', async () => {
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

test('what others change is seen by the next event, and what the callback changes loses nothing of it', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ids: string[] = [];
  const cluster = await roles({
    events: {
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
  expect(await outside.getSession(id)).toEqual({ a: 1, b: 2, deep: { x: 1, y: 2 } });
  release();
  await eventually(async () => (await outside.getSession(id))?.['a'] === 2);
  client.send('show');
  expect(await client.nextJson()).toEqual({ a: 2, b: 2, deep: { x: 1, y: 2 } });
  outside.setSession(id, { only: true });
  expect(await outside.getSession(id)).toEqual({ only: true });
  client.send('show');
  expect(await client.nextJson()).toEqual({ only: true });
});

test('a session of a wrong type fails in its callback alone', async () => {
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

test('a session that is too large fails in its callback alone', async () => {
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
