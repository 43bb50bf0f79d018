import { eventually, openTcpPeer } from '@gatewayworker/testing';
import type { HandshakeCandidate } from 'gatewayworker';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';
import { goodHandshake, openRaw } from './websocket-frames.ts';

test('onHandshake: has the whole request before the client is connected', async () => {
  const seen: HandshakeCandidate[] = [];
  let connected = 0;
  const cluster = await roles({
    events: {
      onHandshake: (request) => {
        seen.push(request);
        return { accept: true };
      },
      onConnect: () => {
        connected += 1;
      },
    },
    gateways: 2,
    workers: 2,
  });
  await cluster.connect(1, '/chat?room=1&room=2', { headers: { cookie: 'sid=a%20b; other="c"' } });
  await eventually(() => connected === 1);
  const [request] = seen;
  expect(request).toMatchObject({
    url: '/chat?room=1&room=2',
    cookies: { sid: 'a b', other: 'c' },
    remoteAddress: '127.0.0.1',
    gatewayName: 'test-gateway',
    gatewayPort: cluster.gateways[1]?.port,
  });
  expect(request?.query.getAll('room')).toEqual(['1', '2']);
  expect(request?.headers['cookie']).toBe('sid=a%20b; other="c"');
});

test('onHandshake: an admitted client has uid, session and groups in onConnect', async () => {
  const seen: unknown[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onHandshake: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return { accept: true, uid: 7, session: { decidedBy: workerId }, groups: ['a', 'b'] };
      },
      onConnect: (_id, ctx) => {
        seen.push([ctx.uid, ctx.session?.['decidedBy'] === workerId]);
      },
    }),
    gateways: 2,
    workers: 2,
  });
  const api = await cluster.gatewayClient();
  for (const gateway of [0, 1, 0, 1]) await cluster.connect(gateway);
  await eventually(() => seen.length === 4);
  // The worker that admitted a client serves it.
  expect(seen).toEqual(Array.from({ length: 4 }, () => ['7', true]));
  expect(await api.getClientIdByUid('7')).toHaveLength(4);
  expect(await api.getClientIdCountByGroup('a')).toBe(4);
  expect(await api.getClientIdCountByGroup('b')).toBe(4);
});

test('onHandshake: a refused client gets status and reason, and has no event', async () => {
  let events = 0;
  const count = (): void => {
    events += 1;
  };
  const cluster = await roles({
    events: {
      onHandshake: ({ query }) =>
        query.has('token')
          ? { accept: true }
          : { accept: false, status: 401, reason: 'no token: ünbekannt' },
      onConnect: count,
      onClose: count,
    },
    gateways: 2,
    workers: 2,
  });
  const response = await cluster.refusedHandshake(0, '/');
  expect(response).toMatchObject({ status: 401, body: 'no token: ünbekannt\n' });
  expect(events).toBe(0);
  await cluster.connect(0, '/?token=1');
  await eventually(() => events === 1);
});

test.each([
  ['no key', goodHandshake.replace('Sec-WebSocket-Key', 'X-Key'), 400],
  ['a key that is none', goodHandshake.replace('dGhl', '!!!!'), 400],
  ['no version', goodHandshake.replace('Sec-WebSocket-Version', 'X-Version'), 426],
  ['version 8', goodHandshake.replace(': 13', ': 8'), 426],
  ['another upgrade', goodHandshake.replace(': websocket', ': h2c'), 400],
  ['POST', goodHandshake.replace('GET', 'POST'), 405],
  [
    'subprotocols that are none',
    goodHandshake.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: a, a\r\n\r\n'),
    400,
  ],
])('onHandshake: not called for a request with %s', async (_name, request, status) => {
  let asked = 0;
  const cluster = await roles({
    events: {
      onHandshake: () => {
        asked += 1;
        return { accept: true };
      },
    },
  });
  const { response } = await openRaw(cluster.gateways[0]?.port ?? 0, request);
  expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(response.includes('\r\nSec-WebSocket-Version: 13\r\n')).toBe(status === 426);
  expect(asked).toBe(0);
});

test('onHandshake: an error refuses with 500 and goes to onError', async () => {
  const errors: unknown[] = [];
  const cluster = await roles({
    events: {
      onHandshake: () => Promise.reject(new Error('no database')),
      onError: (error, info) => void errors.push([error, info]),
    },
  });
  expect(await cluster.refusedHandshake()).toMatchObject({ status: 500 });
  expect(errors).toEqual([
    [new Error('no database'), { event: 'onHandshake', clientId: undefined }],
  ]);
});

test('onHandshake: a wrong answer refuses with 500 and is logged', async () => {
  const cluster = await roles({
    events: { onHandshake: (() => ({ accept: 'yes' })) as never },
  });
  expect(await cluster.refusedHandshake()).toMatchObject({ status: 500 });
  expect(cluster.log.some((line) => line['msg'] === 'onHandshake failed')).toBe(true);
});

test('onHandshake: without an answer 503 at handshakeTimeoutMs, and counted', async () => {
  const cluster = await roles({
    events: { onHandshake: () => new Promise(() => undefined) },
    gatewayOptions: { handshakeTimeoutMs: 200 },
  });
  expect(await cluster.refusedHandshake()).toMatchObject({ status: 503 });
  expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
});

test('onHandshake: 503 when its worker stops, later clients connect', async () => {
  let asked = 0;
  const cluster = await roles({
    events: (workerId) => ({
      onHandshake: () => {
        asked += 1;
        return workerId === 0 ? new Promise(() => undefined) : { accept: true };
      },
      onMessage: (_id, message, ctx) => void ctx.send(message),
    }),
  });
  const refused = cluster.refusedHandshake();
  await eventually(() => asked === 1);
  await cluster.startWorker();
  await cluster.workers[0]?.stop();
  expect(await refused).toMatchObject({ status: 503 });
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('onHandshake: a client that leaves during it leaves no state', async () => {
  const decisions: (() => void)[] = [];
  const cluster = await roles({
    events: {
      onHandshake: () =>
        new Promise((resolve) => {
          decisions.push(() => resolve({ accept: true, uid: 'u', groups: ['g'] }));
        }),
    },
  });
  const api = await cluster.gatewayClient();
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await eventually(() => decisions.length === 1);
  peer.destroy();
  const [decide] = decisions;
  decide?.();
  expect(await api.isUidOnline('u')).toBe(false);
  expect(await api.getAllClientIdCount()).toBe(0);
});

test('onWebSocketConnect: after onConnect, before the first message', async () => {
  const order: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: async (id) => {
        order.push(`start ${id.length}`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push('end');
      },
      onWebSocketConnect: (id, request, ctx) => {
        order.push(`websocket ${request.query.get('n')} ${ctx.clientId === id}`);
      },
      onMessage: (_id, message) => void order.push(String(message)),
    },
    gateways: 2,
    workers: 2,
  });
  const client = await cluster.connect(1, '/?n=5');
  client.send('first');
  await eventually(() => order.length === 4);
  expect(order).toEqual(['start 20', 'end', 'websocket 5 true', 'first']);
});
