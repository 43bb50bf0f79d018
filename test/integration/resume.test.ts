import { RequestError } from '@gatewayworker/business-worker';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { succeed } from './in-process-successor.ts';
import { ResumableClient } from './resumable-client.ts';
import { gate, roles } from './roles.ts';

test('resume: a new session gets messages, replies, and confirmations', async () => {
  const cluster = await roles({
    events: {
      onConnect: (_id, ctx) => void ctx.send('welcome'),
      onMessage: (_id, message, ctx) => void ctx.send(`echo ${message}`),
      onRequest: (_id, type, data) => {
        if (type === 'fail') throw new RequestError('not-found', 'no such thing');
        return { type, data };
      },
    },
  });
  const client = await ResumableClient.open(cluster.gateways[0]?.port ?? 0);
  expect(client.welcome).toMatchObject({ isResumed: false, reason: '', windowMs: 120_000 });
  await eventually(() => client.texts.length === 1);
  client.send('one');
  client.request('sum', [1, 2]);
  client.request('fail', null);
  await eventually(() => client.handled === 3);
  expect(client.texts).toEqual(['welcome', 'echo one']);
  expect(client.replies).toEqual([
    { number: 2, isFailed: false, value: { type: 'sum', data: [1, 2] } },
    { number: 3, isFailed: true, value: { code: 'not-found', message: 'no such thing' } },
  ]);
});

test('resume: a client without a connection gets what it missed, once, in order', async () => {
  const events: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id, ctx) => {
        ctx.session = { name: 'Tom' };
        events.push(`connect ${id}`);
      },
      onDrop: (id, ctx) => void events.push(`drop ${id} ${ctx.session?.['name']}`),
      onResume: (id, ctx) => void events.push(`resume ${id} ${ctx.session?.['name']}`),
      onClose: (id) => void events.push(`close ${id}`),
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const other = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  const { clientId } = client.welcome;
  api.bindUid(clientId, 'u1');
  api.joinGroup(clientId, 'g1');
  api.sendToUid('u1', 'before');
  await eventually(() => client.texts.length === 1);
  expect(await other.isUidOnline('u1')).toBe(true);

  client.drop();
  await eventually(() => events.length === 2);
  expect(await api.isUidOnline('u1')).toBe(false);
  expect(await api.isOnline(clientId)).toBe(false);
  expect(await api.getAllClientIdCount()).toBe(0);
  api.sendToUid('u1', 'uid');
  api.sendToGroup('g1', 'group');
  api.sendToGroup('g2', 'group of others');
  api.sendToGroup('g1', 'for others', { exclude: [clientId] });
  api.sendToAll('all');
  other.sendToClient(clientId, 'client');
  other.sendToUid('u2', 'uid of another client');

  const back = await ResumableClient.resume(port, client);
  expect(back.welcome).toMatchObject({ isResumed: true, clientId });
  api.sendToUid('u1', 'after');
  await eventually(() => back.texts.length === 5);
  expect(back.texts.filter((text) => text !== 'client')).toEqual(['uid', 'group', 'all', 'after']);
  expect(back.texts).toContain('client');
  expect({ repeated: back.repeated, gaps: back.gaps }).toEqual({ repeated: 0, gaps: [] });
  expect(await api.isUidOnline('u1')).toBe(true);
  expect(events).toEqual([`connect ${clientId}`, `drop ${clientId} Tom`, `resume ${clientId} Tom`]);
  back.sendFrame({ op: 'bye' });
  await eventually(() => events.length === 4);
  expect(events[3]).toBe(`close ${clientId}`);
  expect(await back.socket.ended).toMatchObject({ code: 1000 });
});

test('resume: what a client sends again is handled once', async () => {
  const { opened, open } = gate();
  const handled: unknown[] = [];
  const cluster = await roles({
    events: {
      onMessage: async (_id, message) => {
        await opened;
        handled.push(message);
      },
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const client = await ResumableClient.open(port);
  client.send('one');
  client.send('two');
  await client.socket.ping();
  client.drop();
  const back = await ResumableClient.resume(port, client);
  expect(back.welcome.handled).toBe(2);
  const payload = Buffer.from('two');
  back.sendFrame({ op: 'send', number: 2, isBinary: false, payload });
  back.send('three');
  open();
  await eventually(() => back.handled === 3);
  expect(handled).toEqual(['one', 'two', 'three']);
});

test('resume: takes over from a connection that seems alive', async () => {
  const events: string[] = [];
  const cluster = await roles({
    events: {
      onDrop: () => void events.push('drop'),
      onResume: (_id, _ctx, { awayMs }) => void events.push(`resume ${awayMs}`),
      onClose: () => void events.push('close'),
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  const back = await ResumableClient.resume(port, client);
  expect(back.welcome.isResumed).toBe(true);
  expect(await client.socket.ended).toMatchObject({ code: 4412 });
  api.sendToClient(back.welcome.clientId, 'here');
  await eventually(() => back.texts.length === 1);
  expect(events).toEqual(['resume 0']);
});

test('resume: the application refuses, and the session ends', async () => {
  const closed: unknown[] = [];
  const cluster = await roles({
    events: {
      onResume: () => false,
      onClose: (_id, ctx) => void closed.push(ctx.closed),
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  client.drop();
  await eventually(async () => !(await api.isOnline(client.welcome.clientId)));
  api.sendToAll('secret');
  const back = await ResumableClient.connect(port, client);
  back.sendFrame({ op: 'hello', resume: client.claim });
  expect(await back.socket.ended).toMatchObject({ code: 4452 });
  expect(back.texts).toEqual([]);
  await eventually(() => closed.length === 1);
  const again = await ResumableClient.resume(port, client);
  expect(again.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
});

test('resume: a wrong secret and an unknown session start a new session', async () => {
  const cluster = await roles({ events: { onMessage: () => undefined } });
  const port = cluster.gateways[0]?.port ?? 0;
  const client = await ResumableClient.open(port);
  const forged = await ResumableClient.connect(port);
  forged.sendFrame({ op: 'hello', resume: { ...client.claim, secret: Buffer.alloc(16, 7) } });
  await eventually(() => forged.socket.messages.length > 0);
  expect(forged.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
  expect(client.socket.isOpen).toBe(true);
  const unknown = await ResumableClient.connect(port);
  unknown.sendFrame({ op: 'hello', resume: { ...client.claim, clientId: 'A'.repeat(20) } });
  await eventually(() => unknown.socket.messages.length > 0);
  expect(unknown.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
});

test('resume: the window ends with one onClose', async () => {
  const closed: unknown[] = [];
  const cluster = await roles({
    gatewayOptions: { resume: { windowMs: 1000 } },
    events: { onClose: (_id, ctx) => void closed.push(ctx.closed?.by) },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const client = await ResumableClient.open(port);
  client.drop();
  await eventually(() => closed.length === 1);
  expect(closed).toEqual(['expired']);
  expect((await ResumableClient.resume(port, client)).welcome.reason).toBe('unknown');
});

test('resume: token decides, another uid starts a new session', async () => {
  const cluster = await roles({
    events: {
      onHandshake: ({ token }) =>
        token === undefined
          ? { accept: false, status: 401, reason: 'no token' }
          : { accept: true, uid: token },
      onMessage: () => undefined,
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const refused = await ResumableClient.connect(port);
  refused.sendFrame({ op: 'hello' });
  expect(await refused.socket.ended).toMatchObject({ code: 4501 });
  expect(refused.refusals).toMatchObject([{ status: 401, reason: 'no token' }]);
  const client = await ResumableClient.open(port, 'tom');
  const other = await ResumableClient.resume(port, client, 'eve');
  expect(other.welcome).toMatchObject({ isResumed: false, reason: 'uid' });
  const back = await ResumableClient.resume(port, client, 'tom');
  expect(back.welcome).toMatchObject({ isResumed: true, clientId: client.welcome.clientId });
});

/** Two gateways and two workers, and the events of their clients. */
async function twoGateways() {
  const events: string[] = [];
  const cluster = await roles({
    gateways: 2,
    workers: 2,
    events: {
      onConnect: (id, ctx) => {
        ctx.session = { name: 'Tom' };
        events.push(`connect ${id}`);
      },
      onMessage: (_id, message, ctx) => {
        events.push(`message ${message}`);
        ctx.send(`echo ${message} ${ctx.session?.['name']}`);
      },
      onDrop: (id) => void events.push(`drop ${id}`),
      onResume: (id, ctx) => void events.push(`resume ${id} ${ctx.session?.['name']}`),
      onClose: (id, ctx) => void events.push(`close ${id} ${ctx.closed?.by}`),
    },
  });
  const ports = cluster.gateways.map(({ port }) => port);
  const api = await cluster.gatewayClient();
  return { cluster, events, api, ports: [ports[0] ?? 0, ports[1] ?? 0] as const };
}

test('resume: on another gateway, with everything that was missed', async () => {
  const { events, api, ports } = await twoGateways();
  const client = await ResumableClient.open(ports[0]);
  const { clientId } = client.welcome;
  api.bindUid(clientId, 'u1');
  api.joinGroup(clientId, 'g1');
  client.send('one');
  await eventually(() => client.texts.length === 1);
  client.drop();
  await eventually(() => events.includes(`drop ${clientId}`));
  api.sendToUid('u1', 'uid');
  api.sendToGroup('g1', 'group');
  api.sendToClient(clientId, 'client');
  const back = await ResumableClient.resume(ports[1], client);
  expect(back.welcome).toMatchObject({ isResumed: true, clientId, handled: 1 });
  back.send('two');
  await eventually(() => back.texts.length === 4);
  expect(back.texts.filter((text) => !text.startsWith('echo'))).toEqual(['uid', 'group', 'client']);
  expect(back.texts).toContain('echo two Tom');
  api.sendToClient(clientId, 'here');
  api.sendToGroup('g1', 'group here');
  await eventually(() => back.texts.length === 6);
  expect(await api.isOnline(clientId)).toBe(true);
  expect(await api.getClientIdByUid('u1')).toEqual([clientId]);
  expect(await api.getSession(clientId)).toEqual({ name: 'Tom' });
  expect(await api.getAllClientIdCount()).toBe(1);
  // And back to the first one, whose token is in the client id.
  const again = await ResumableClient.resume(ports[0], back);
  expect(again.welcome).toMatchObject({ isResumed: true, clientId });
  expect(await back.socket.ended).toMatchObject({ code: 4412 });
  api.sendToClient(clientId, 'there');
  await eventually(() => again.texts.length === 1);
  again.sendFrame({ op: 'bye' });
  await eventually(() => events.includes(`close ${clientId} client`));
  expect(events).toEqual([
    `connect ${clientId}`,
    'message one',
    `drop ${clientId}`,
    `resume ${clientId} Tom`,
    'message two',
    `resume ${clientId} Tom`,
    `close ${clientId} client`,
  ]);
  expect([client, back, again].map(({ repeated, gaps }) => [repeated, gaps])).toEqual([
    [0, []],
    [0, []],
    [0, []],
  ]);
  expect(await api.isOnline(clientId)).toBe(false);
});

test('resume: a gateway that stops gives its clients to another one', async () => {
  const { cluster, events, api, ports } = await twoGateways();
  const client = await ResumableClient.open(ports[0]);
  const { clientId } = client.welcome;
  api.joinGroup(clientId, 'g1');
  api.sendToGroup('g1', 'one');
  await eventually(() => client.texts.length === 1);
  await cluster.gateways[0]?.stop();
  expect(await client.socket.ended).toMatchObject({ code: 1012 });
  await eventually(() => events.includes(`drop ${clientId}`));
  api.sendToGroup('g1', 'two');
  const back = await ResumableClient.resume(ports[1], client);
  expect(back.welcome).toMatchObject({ isResumed: true, clientId });
  api.sendToClient(clientId, 'three');
  await eventually(() => back.texts.length === 2);
  expect(back.texts).toEqual(['two', 'three']);
  expect(events.filter((event) => event.startsWith('close'))).toEqual([]);
});

test('resume: with a wrong secret or of an unknown session, other gateways are asked', async () => {
  const { ports } = await twoGateways();
  const client = await ResumableClient.open(ports[0]);
  const forged = await ResumableClient.connect(ports[1]);
  forged.sendFrame({ op: 'hello', resume: { ...client.claim, secret: Buffer.alloc(16, 7) } });
  await eventually(() => forged.socket.messages.length > 0);
  expect(forged.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
  expect(client.socket.isOpen).toBe(true);
  const unknown = await ResumableClient.connect(ports[1]);
  unknown.sendFrame({ op: 'hello', resume: { ...client.claim, clientId: 'A'.repeat(20) } });
  await eventually(() => unknown.socket.messages.length > 0);
  expect(unknown.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
});

test('resume: after a handover, clients resume at the successor', async () => {
  const events: string[] = [];
  const { opened, open } = gate();
  const cluster = await roles({
    events: {
      onMessage: async (_id, message, ctx) => {
        if (message === 'slow') await opened;
        ctx.send(`echo ${message}`);
      },
      onDrop: (id) => void events.push(`drop ${id}`),
      onResume: (id) => void events.push(`resume ${id}`),
      onClose: (id) => void events.push(`close ${id}`),
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  const parked = await ResumableClient.open(port);
  const { clientId } = client.welcome;
  api.joinGroup(clientId, 'g1');
  api.joinGroup(parked.welcome.clientId, 'g1');
  client.send('slow');
  await client.socket.ping();
  parked.drop();
  await eventually(() => events.length === 1);
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  expect(await client.socket.ended).toMatchObject({ code: 1012 });
  api.sendToGroup('g1', 'missed');
  open();
  await cluster.gateways[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 5000 });
  const back = await ResumableClient.resume(successor.port, client);
  const unparked = await ResumableClient.resume(successor.port, parked);
  expect([back.welcome, unparked.welcome]).toMatchObject([
    { isResumed: true, clientId, handled: 1 },
    { isResumed: true, clientId: parked.welcome.clientId },
  ]);
  back.send('next');
  await eventually(() => back.texts.length === 3);
  expect(back.texts.toSorted()).toEqual(['echo next', 'echo slow', 'missed']);
  await eventually(() => unparked.texts.length === 1);
  expect(unparked.texts).toEqual(['missed']);
  expect([back.gaps, unparked.gaps]).toEqual([[], []]);
  expect(events.filter((event) => event.startsWith('close'))).toEqual([]);
});

test('resume: a sender that ends while the client is connected leaves no gap', async () => {
  const cluster = await roles({ events: { onMessage: () => undefined } });
  const port = cluster.gateways[0]?.port ?? 0;
  const first = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  const { clientId } = client.welcome;
  first.sendToClient(clientId, 'one');
  await eventually(() => client.texts.length === 1);
  await first.close();
  const api = await cluster.gatewayClient();
  client.drop();
  await eventually(async () => !(await api.isOnline(clientId)));
  api.sendToClient(clientId, 'two');
  const back = await ResumableClient.resume(port, client);
  await eventually(() => back.texts.length === 1);
  expect(back.texts).toEqual(['two']);
  expect(back.gaps).toEqual([]);
});
