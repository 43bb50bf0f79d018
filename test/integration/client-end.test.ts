import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

/** What every query about a client, its uid and its group answers. */
async function look(api: GatewayClient, id: string): Promise<unknown[]> {
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
])(
  'after %s a client is offline for every query at once, and its onClose sees all it had',
  async (name, end) => {
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
    // It does not answer the close frame.
    client.pause();
    end(api, id);
    api.joinGroup(id, 'g');
    api.joinGroup(id, 'late');
    expect(await look(api, id)).toEqual(nothing);
    // Until its socket has closed it takes room.
    if (name !== 'destroyClient') expect(cluster.gateways[0]?.status().connections).toBe(3);
    client.resume();
    await eventually(() => ends.length === 1);
    expect(ends).toEqual([['u', { n: 1 }, 'server']]);
    expect(await look(api, id)).toEqual(nothing);
  },
);

test('what is said of a client between its close and its end reaches onClose, and no query', async () => {
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
  expect(await look(api, id)).toEqual(nothing);
  client.resume();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['u', { late: true }]]);
});
