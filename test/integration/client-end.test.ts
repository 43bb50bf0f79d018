import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

/** The answers of all queries about a client, its uid and its group. */
async function askAll(api: GatewayClient, id: string): Promise<unknown[]> {
  return await Promise.all([
    api.isOnline(id),
    api.getUidByClientId(id),
    api.getSession(id),
    api.isUidOnline('u'),
    api.isUidsOnline(['u']).then((answer) => [...answer]),
    api.getClientIdByUid('u'),
    api.batchGetClientIdByUid(['u']).then((answer) => [...answer]),
    api.getAllClientIdList(),
    api.getAllClientIdCount(),
    api.getAllClientSessions().then((answer) => [...answer]),
    api.getAllUidList(),
    api.getAllUidCount(),
    api.getClientIdListByGroup('g'),
    api.getClientIdCountByGroup('g'),
    api.batchGetClientIdCountByGroup(['g']).then((answer) => [...answer]),
    api.getClientSessionsByGroup('g').then((answer) => [...answer]),
    api.getUidListByGroup('g'),
    api.getUidCountByGroup('g'),
    api.getAllGroupIdList(),
    api.getAllGroupClientIdList().then((answer) => [...answer]),
    api.getAllGroupClientIdCount().then((answer) => [...answer]),
    api.getAllGroupUidList().then((answer) => [...answer]),
    api.getAllGroupUidCount().then((answer) => [...answer]),
  ]);
}

const nothing = [
  ...[false, null, null, false, [['u', false]], [], [['u', []]], [], 0, [], [], 0],
  ...[[], 0, [['g', 0]], [], [], 0, [], [], [], [], []],
];

test.each([
  ['closeClient', (api: GatewayClient, id: string) => api.closeClient(id, 'bye')],
  ['destroyClient', (api: GatewayClient, id: string) => api.destroyClient(id)],
  ['closeUid', (api: GatewayClient) => api.closeUid('u', 'bye')],
  ['closeGroup', (api: GatewayClient) => api.closeGroup('g', 'bye')],
])('%s: offline for all queries at once; onClose has uid and session', async (name, end) => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (_id, ctx) => void ends.push([ctx.uid, ctx.session, ctx.closed?.by]),
    },
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  const [id = ''] = ids;
  api.bindUid(id, 'u');
  api.joinGroup(id, 'g');
  api.setSession(id, { n: 1 });
  expect(await api.getUidByClientId(id)).toBe('u');
  // The client does not answer the close frame.
  client.pause();
  end(api, id);
  api.joinGroup(id, 'g');
  api.joinGroup(id, 'late');
  expect(await askAll(api, id)).toEqual(nothing);
  // It counts as a connection until its socket has closed.
  if (name !== 'destroyClient') expect(cluster.gateways[0]?.status().connections).toBe(3);
  client.resume();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['u', { n: 1 }, 'server']]);
  expect(await askAll(api, id)).toEqual(nothing);
});

test('closeClient: changes after it reach onClose, and no query', async () => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (_id, ctx) => void ends.push([ctx.uid, ctx.session]),
    },
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  const [id = ''] = ids;
  client.pause();
  api.closeClient(id);
  api.bindUid(id, 'u');
  api.joinGroup(id, 'g');
  api.updateSession(id, { late: true });
  expect(await askAll(api, id)).toEqual(nothing);
  client.resume();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['u', { late: true }]]);
});

type End = (client: TestClient, api: GatewayClient, id: string) => unknown;

test.each<[name: string, end: End, closed: object]>([
  [
    'a close frame of the client',
    (client) => client.close(4005, 'done'),
    { by: 'client', code: 4005, reason: 'done' },
  ],
  ['a lost connection', (client) => client.terminate(), { by: 'client', code: 1006, reason: '' }],
  [
    'closeClient',
    (_client, api, id) => api.closeClient(id, 'bye', { code: 4006, reason: 'go' }),
    { by: 'server', code: 4006, reason: 'go' },
  ],
  ['destroyClient', (_client, api, id) => api.destroyClient(id), { by: 'server' }],
  [
    'a message that is too long',
    (client) => client.send('x'.repeat(5001)),
    { by: 'protocol', code: 1009, reason: 'a message is longer than 5000 bytes' },
  ],
])('onClose: has the reason of the end, uid and session, after %s', async (_, end, closed) => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onHandshake: () => ({ accept: true, uid: 'u', session: { k: 1 } }),
      onConnect: (id, ctx) => {
        ids.push(id);
        ctx.session = { ...ctx.session, last: true };
      },
      onClose: (_id, ctx) => void ends.push([ctx.closed, ctx.uid, ctx.session]),
    },
    gatewayOptions: { maxMessageBytes: 5000 },
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  end(client, api, ids[0] ?? '');
  await client.ended;
  await eventually(() => ends.length > 0);
  // Another client's end comes later: an end that is reported twice would be there by then.
  await (await cluster.connect()).close();
  await eventually(() => ends.length > 1);
  expect(ends).toHaveLength(2);
  expect(ends[0]).toMatchObject([closed, 'u', { k: 1, last: true }]);
});

test.each([
  ['close frame of the client', (client: TestClient) => client.close()],
  ['lost connection', (client: TestClient) => client.terminate()],
])('%s: the client leaves its uid and its groups', async (_name, end) => {
  const ids: string[] = [];
  let ends = 0;
  const cluster = await roles({
    events: {
      onHandshake: () => ({ accept: true, uid: 'u', groups: ['g', 'h'] }),
      onConnect: (id) => void ids.push(id),
      onClose: () => {
        ends += 1;
      },
    },
  });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  const [id = ''] = ids;
  expect(await api.getClientIdByUid('u')).toEqual([id]);
  expect(await api.getAllGroupClientIdList()).toEqual(
    new Map([
      ['g', [id]],
      ['h', [id]],
    ]),
  );
  await end(client);
  await eventually(() => ends === 1);
  expect(await askAll(api, id)).toEqual(nothing);
  expect(await api.getClientIdListByGroup('h')).toEqual([]);
});
