import type { EventHandler, WorkerInfo } from '@gatewayworker/business-worker';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually, type Roles, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

/** A client and its id. */
interface Member {
  readonly client: TestClient;
  readonly id: string;
}

/** Two gateways with two clients each, two workers, and the Gateway API in a worker and outside. */
async function fourClients(): Promise<{
  readonly cluster: Roles;
  readonly inside: GatewayClient;
  readonly outside: GatewayClient;
  readonly members: readonly [Member, Member, Member, Member];
}> {
  const workers: WorkerInfo[] = [];
  const events: EventHandler = {
    onWorkerStart: (worker) => void workers.push(worker),
    onConnect: (id, ctx) => void ctx.send(id),
  };
  const cluster = await roles({ events, gateways: 2, workers: 2 });
  const open = async (gateway: number): Promise<Member> => {
    const client = await cluster.connect(gateway);
    return { client, id: String(await client.next()) };
  };
  const inside = workers[1]?.gateway;
  if (inside === undefined) throw new Error('the second worker has not started');
  const members = [await open(0), await open(0), await open(1), await open(1)] as const;
  return { cluster, inside, outside: await cluster.gatewayClient(), members };
}

/** Sends a mark to each client and takes what came before it. */
async function received(api: GatewayClient, members: readonly Member[]): Promise<unknown[][]> {
  for (const { id } of members) api.sendToClient(id, '--mark--');
  return Promise.all(
    members.map(async ({ client }) => {
      const messages: unknown[] = [];
      for (;;) {
        const message = await client.next();
        if (message === '--mark--') return messages;
        messages.push(message);
      }
    }),
  );
}

test.each(['inside', 'outside'] as const)('sends from %s reach the right clients', async (side) => {
  const context = await fourClients();
  const { members } = context;
  const api = context[side];
  const [a, b, c, d] = members;

  expect(api.sendToAll('all')).toBe(true);
  expect(await received(api, members)).toEqual([['all'], ['all'], ['all'], ['all']]);
  api.sendToAll('not b', { exclude: [b.id] });
  expect(await received(api, members)).toEqual([['not b'], [], ['not b'], ['not b']]);
  api.sendToAll('only', { only: [a.id, c.id, d.id], exclude: [d.id] });
  expect(await received(api, members)).toEqual([['only'], [], ['only'], []]);
  api.sendToAll('nobody', { only: [] });
  expect(await received(api, members)).toEqual([[], [], [], []]);
  expect(api.sendToClient(c.id, Buffer.from([1, 2]))).toBe(true);
  expect(await received(api, members)).toEqual([[], [], [Buffer.from([1, 2])], []]);
});

test('uids: many clients per uid, one uid per client, the last bind wins', async () => {
  const { inside: api, members } = await fourClients();
  const [a, b, c, d] = members;
  api.bindUid(a.id, 'u1');
  api.bindUid(c.id, 'u1');
  api.bindUid(b.id, 7);
  api.sendToUid('u1', 'one');
  expect(await received(api, members)).toEqual([['one'], [], ['one'], []]);
  api.sendToUid(7, 'number');
  expect(await received(api, members)).toEqual([[], ['number'], [], []]);
  api.sendToUid(['u1', '7', 'u1'], 'list');
  expect(await received(api, members)).toEqual([['list'], ['list'], ['list'], []]);
  api.bindUid(a.id, 'u2');
  api.unbindUid(c.id);
  api.sendToUid('u1', 'gone');
  api.sendToUid('u2', 'moved');
  expect(await received(api, members)).toEqual([['moved'], [], [], []]);
  expect(api.sendToUid('nobody', 'x')).toBe(true);
  api.bindUid(d.id, 'u2');
  api.closeUid('u2', 'bye', { code: 4001, reason: 'all of them' });
  expect(await Promise.all([a.client.ended, d.client.ended])).toEqual([
    { code: 4001, reason: 'all of them' },
    { code: 4001, reason: 'all of them' },
  ]);
  expect([a.client.messages, d.client.messages]).toEqual([['bye'], ['bye']]);
});

test('groups: join, leave, exclude, several at once without duplicates, ungroup', async () => {
  const { inside: api, members } = await fourClients();
  const [a, b, c, d] = members;
  for (const { id } of [a, b, c]) api.joinGroup(id, 'g1');
  for (const { id } of [c, d]) api.joinGroup(id, 'g2');
  api.sendToGroup('g1', 'one');
  expect(await received(api, members)).toEqual([['one'], ['one'], ['one'], []]);
  api.sendToGroup('g1', 'not a, c', { exclude: [a.id, c.id] });
  expect(await received(api, members)).toEqual([[], ['not a, c'], [], []]);
  api.sendToGroup(['g1', 'g2'], 'once each');
  expect(await received(api, members)).toEqual([
    ['once each'],
    ['once each'],
    ['once each'],
    ['once each'],
  ]);
  api.leaveGroup(b.id, 'g1');
  api.sendToGroup('g1', 'left');
  expect(await received(api, members)).toEqual([['left'], [], ['left'], []]);
  api.ungroup('g1');
  api.sendToGroup('g1', 'nobody');
  api.joinGroup(a.id, 'g1');
  api.sendToGroup('g1', 'again');
  expect(await received(api, members)).toEqual([['again'], [], [], []]);
});

test('closeClient sends its last message first; destroyClient drops at once', async () => {
  const closed: unknown[] = [];
  const ids: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onClose: (_id, ctx) => void closed.push(ctx.closed),
    },
  });
  const api = await cluster.gatewayClient();
  const first = await cluster.connect();
  const second = await cluster.connect();
  const third = await cluster.connect();
  await eventually(() => ids.length === 3);
  api.sendToClient(ids[0] ?? '', 'before');
  api.closeClient(ids[0] ?? '', 'last', { code: 4321, reason: 'kicked' });
  api.sendToClient(ids[0] ?? '', 'after');
  expect(await first.ended).toEqual({ code: 4321, reason: 'kicked' });
  expect(first.messages).toEqual(['before', 'last']);
  api.closeClient(ids[1] ?? '');
  expect(await second.ended).toEqual({ code: 1000, reason: '' });
  expect(second.messages).toEqual([]);
  api.destroyClient(ids[2] ?? '');
  expect(await third.ended).toEqual({ code: 1006, reason: '' });
  await eventually(() => closed.length === 3);
  expect(closed.map((entry) => Reflect.get(Object(entry), 'by'))).toEqual([
    'server',
    'server',
    'server',
  ]);
});

test('unknown and malformed client ids are ignored', async () => {
  const { outside: api, members } = await fourClients();
  const [a] = members;
  // The same gateway and connection, another nonce.
  const forged = `${a.id.slice(0, 10)}AAAAAAAAAA`;
  for (const id of [forged, 'x', 'A'.repeat(20)]) {
    api.sendToClient(id, 'x');
    api.bindUid(id, 'u');
    api.joinGroup(id, 'g');
    api.setSession(id, {});
    api.closeClient(id);
    api.destroyClient(id);
  }
  expect(await received(api, members)).toEqual([[], [], [], []]);
  expect(await api.isUidOnline('u')).toBe(false);
  expect(api.sendToClient('A'.repeat(20), 'x')).toBe(false);
});

test('a closed client leaves its uid and its groups', async () => {
  const { inside: api, members } = await fourClients();
  const [a] = members;
  api.bindUid(a.id, 'u');
  api.joinGroup(a.id, 'g');
  expect(await api.getClientIdListByGroup('g')).toEqual([a.id]);
  await a.client.close();
  await eventually(async () => !(await api.isOnline(a.id)));
  expect(await api.isUidOnline('u')).toBe(false);
  expect(await api.getClientIdListByGroup('g')).toEqual([]);
});

test('ctx.uid never goes back to an older uid that its worker has bound', async () => {
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
