import { randomUUID } from 'node:crypto';
import {
  DialedLink,
  FlushScheduler,
  FrameServer,
  PartialResultError,
  parseHostPort,
} from '@gatewayworker/core';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import { captureLogger, eventually, FaultProxy, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import {
  type ApiCluster,
  enterFour,
  type FourClients,
  type Ids,
  leave,
  type Side,
  sessions,
  sides,
  startApiCluster,
} from './four-clients.ts';

/** An id of no gateway. */
const foreign = 'A'.repeat(20);

/** Methods that a test has called. */
const called = new Set<string>();

/** The Gateway API of a side; its calls are noted. */
function noting({ api }: ApiCluster, side: Side): GatewayClient {
  return new Proxy(api[side], {
    get(target, name) {
      called.add(String(name));
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** The id of a client that has left its gateway. */
function stale([a]: Ids): string {
  return a.slice(0, 10) + 'A'.repeat(10);
}

/** The messages of each client up to a mark, which is sent behind everything that the caller has sent. */
async function received(api: GatewayClient, { clients, ids }: FourClients): Promise<unknown[][]> {
  api.sendToAll('--mark--', { only: ids });
  return await Promise.all(
    clients.map(async (client) => {
      const messages: unknown[] = [];
      for (;;) {
        const message = await client.next();
        if (message === '--mark--') return messages;
        messages.push(message);
      }
    }),
  );
}

/** An answer with sorted lists: gateways answer in any order. */
function inOrder(answer: unknown): unknown {
  if (answer instanceof Map) {
    return new Map(Array.from(answer, ([key, value]) => [key, inOrder(value)]));
  }
  return Array.isArray(answer) ? answer.toSorted() : answer;
}

const none: readonly unknown[] = [];
const m = ['m'];
const bytes = Buffer.from([0, 1, 254, 255]);

/** Commands, and the messages that each of the four clients gets of them. */
const commands: readonly (readonly [
  name: string,
  run: (api: GatewayClient, ids: Ids) => readonly boolean[],
  expected: readonly (readonly unknown[])[],
])[] = [
  ['sendToAll: all clients', (api) => [api.sendToAll('m')], [m, m, m, m]],
  [
    'sendToAll: bytes are a binary frame',
    (api) => [api.sendToAll(bytes)],
    [[bytes], [bytes], [bytes], [bytes]],
  ],
  [
    'sendToAll: only, exclude',
    (api, [a, b, c]) => [
      api.sendToAll('m', { only: [a, b, c, foreign, 'x'], exclude: [b] }),
      api.sendToAll('n', { exclude: [a, b] }),
      api.sendToAll('unknown', { only: [] }),
    ],
    [m, none, ['m', 'n'], ['n']],
  ],
  [
    'sendToClient: text, bytes and an empty text, in order',
    (api, [, b]) => [
      api.sendToClient(b, 'm'),
      api.sendToClient(b, new Uint8Array([1])),
      api.sendToClient(b, ''),
    ],
    [none, ['m', Buffer.from([1]), ''], none, none],
  ],
  ['sendToUid: all clients of the uid', (api) => [api.sendToUid('anna', 'm')], [m, m, none, none]],
  [
    'sendToUid: several uids, each client once',
    (api) => [api.sendToUid(['bob', 'anna', 'unknown', 'anna'], 'm')],
    [m, m, m, none],
  ],
  ['sendToGroup: all members', (api) => [api.sendToGroup('both', 'm')], [m, m, none, m]],
  [
    'sendToGroup: several groups, each member once',
    (api) => [api.sendToGroup(['both', 'first', 'empty'], 'm')],
    [m, m, m, m],
  ],
  [
    'sendToGroup: exclude',
    (api, [a, , , d]) => [api.sendToGroup('both', 'm', { exclude: [a, d] })],
    [none, m, none, none],
  ],
  [
    'bindUid: a number is its decimal string',
    (api, [, , , d]) => [api.bindUid(d, 7), api.sendToUid('7', 'm'), api.sendToUid(7, 'n')],
    [none, none, none, ['m', 'n']],
  ],
  [
    'bindUid: the last bind wins',
    (api, [a]) => [api.bindUid(a, 'bob'), api.sendToUid('bob', 'm'), api.sendToUid('anna', 'n')],
    [m, ['n'], m, none],
  ],
  [
    'unbindUid: one client loses its uid, the others keep it',
    (api, [a]) => [api.unbindUid(a), api.sendToUid('anna', 'm')],
    [none, m, none, none],
  ],
  [
    'joinGroup, leaveGroup: count for later sends',
    (api, [, b, , d]) => [
      api.sendToGroup('last', '1'),
      api.joinGroup(b, 'last'),
      api.sendToGroup('last', '2'),
      api.leaveGroup(d, 'last'),
      api.sendToGroup('last', '3'),
    ],
    [none, ['2', '3'], none, ['1', '2']],
  ],
  [
    'ungroup: empties one group, which may have members again',
    (api, [, , c]) => [
      api.ungroup('both'),
      api.sendToGroup('both', 'm'),
      api.sendToGroup('first', 'n'),
      api.joinGroup(c, 'both'),
      api.sendToGroup('both', 'again'),
    ],
    [['n'], none, ['n', 'again'], none],
  ],
  [
    'stale ids, unknown uids and groups: no effect',
    (api, ids) => [
      api.sendToClient(stale(ids), 'm'),
      api.sendToUid('unknown', 'm'),
      api.sendToGroup('empty', 'm'),
      api.bindUid(stale(ids), 'anna'),
      api.unbindUid(stale(ids)),
      api.joinGroup(stale(ids), 'both'),
      api.leaveGroup(stale(ids), 'both'),
      api.ungroup('empty'),
      api.setSession(stale(ids), {}),
      api.updateSession(stale(ids), {}),
      api.closeClient(stale(ids), 'bye'),
      api.destroyClient(stale(ids)),
      api.closeUid('unknown', 'bye'),
      api.closeGroup('empty', 'bye'),
      api.sendToUid('anna', 'n'),
    ],
    [['n'], ['n'], none, none],
  ],
];

test.each(sides)('commands: each does what its row says, from %s', async (side) => {
  const started = await startApiCluster();
  const api = noting(started, side);
  for (const [name, run, expected] of commands) {
    const four = await enterFour(started);
    const handed = run(api, four.ids);
    expect([name, ...handed]).toEqual([name, ...handed.map(() => true)]);
    expect([name, await received(api, four)]).toEqual([name, expected]);
    await leave(started, four);
  }
});

/** A map from the properties of an object. */
function mapOf(entries: Readonly<Record<string, unknown>>): Map<string, unknown> {
  return new Map(Object.entries(entries));
}

/** Queries, their answers, and what the second gateway alone answers where the first one is missing. */
const queries: readonly (readonly [
  name: string,
  ask: (api: GatewayClient, ids: Ids) => Promise<unknown>,
  whole: (ids: Ids) => unknown,
  ofSecond?: (ids: Ids) => unknown,
])[] = [
  ['isOnline', (api, [a]) => api.isOnline(a), () => true],
  ['isOnline, stale', (api, ids) => api.isOnline(stale(ids)), () => false],
  ['isOnline, foreign', (api) => api.isOnline(foreign), () => false],
  ['isOnline, no id', (api) => api.isOnline('x'), () => false],
  ['isUidOnline', (api) => api.isUidOnline('anna'), () => true],
  ['isUidOnline, unknown', (api) => api.isUidOnline(7), () => false],
  [
    'isUidsOnline',
    (api) => api.isUidsOnline(['anna', 7, 'bob', 'anna']),
    () => mapOf({ anna: true, 7: false, bob: true }),
    () => mapOf({ anna: true, 7: false, bob: false }),
  ],
  ['isUidsOnline, none', (api) => api.isUidsOnline([]), () => new Map()],
  [
    'getUidState',
    (api) => api.getUidState('bob'),
    () => ({ state: 'online', lastSeen: undefined }),
    () => ({ state: 'offline', lastSeen: undefined }),
  ],
  [
    'getUidStates',
    (api) => api.getUidStates(['anna', 7]),
    () =>
      mapOf({
        anna: { state: 'online', lastSeen: undefined },
        7: { state: 'offline', lastSeen: undefined },
      }),
    () =>
      mapOf({
        anna: { state: 'online', lastSeen: undefined },
        7: { state: 'offline', lastSeen: undefined },
      }),
  ],
  ['getUidStates, none', (api) => api.getUidStates([]), () => new Map()],
  ['getClientIdByUid', (api) => api.getClientIdByUid('anna'), ([a, b]) => [a, b]],
  ['getClientIdByUid, unknown', (api) => api.getClientIdByUid('unknown'), () => []],
  [
    'batchGetClientIdByUid',
    (api) => api.batchGetClientIdByUid(['anna', 'unknown', 'bob', 'bob']),
    ([a, b, c]) => mapOf({ anna: [a, b], unknown: [], bob: [c] }),
    ([, b]) => mapOf({ anna: [b], unknown: [], bob: [] }),
  ],
  ['batchGetClientIdByUid, none', (api) => api.batchGetClientIdByUid([]), () => new Map()],
  ['getUidByClientId', (api, [, , c]) => api.getUidByClientId(c), () => 'bob'],
  ['getUidByClientId, without', (api, [, , , d]) => api.getUidByClientId(d), () => null],
  ['getUidByClientId, stale', (api, ids) => api.getUidByClientId(stale(ids)), () => null],
  ['getUidByClientId, foreign', (api) => api.getUidByClientId(foreign), () => null],
  ['getUidByClientId, no id', (api) => api.getUidByClientId('x'), () => null],
  ['getAllClientIdList', (api) => api.getAllClientIdList(), (ids) => ids, ([, b, , d]) => [b, d]],
  ['getAllClientIdCount', (api) => api.getAllClientIdCount(), () => 4, () => 2],
  ['getAllClientCount', (api) => api.getAllClientCount(), () => 4, () => 2],
  [
    'getAllClientSessions',
    (api) => api.getAllClientSessions(),
    ([a, b, c, d]) => mapOf({ [a]: sessions[0], [b]: sessions[1], [c]: undefined, [d]: undefined }),
    ([, b, , d]) => mapOf({ [b]: sessions[1], [d]: undefined }),
  ],
  ['getAllUidList', (api) => api.getAllUidList(), () => ['anna', 'bob'], () => ['anna']],
  ['getAllUidCount', (api) => api.getAllUidCount(), () => 2, () => 1],
  [
    'getClientIdListByGroup',
    (api) => api.getClientIdListByGroup('both'),
    ([a, b, , d]) => [a, b, d],
    ([, b, , d]) => [b, d],
  ],
  ['getClientIdListByGroup, empty', (api) => api.getClientIdListByGroup('empty'), () => []],
  ['getClientIdCountByGroup', (api) => api.getClientIdCountByGroup('both'), () => 3, () => 2],
  ['getClientIdCountByGroup, empty', (api) => api.getClientIdCountByGroup('empty'), () => 0],
  ['getClientCountByGroup', (api) => api.getClientCountByGroup('both'), () => 3, () => 2],
  [
    'batchGetClientIdCountByGroup',
    (api) => api.batchGetClientIdCountByGroup(['both', 'empty', 'first', 'both']),
    () => mapOf({ both: 3, empty: 0, first: 2 }),
    () => mapOf({ both: 2, empty: 0, first: 0 }),
  ],
  [
    'batchGetClientIdCountByGroup, none',
    (api) => api.batchGetClientIdCountByGroup([]),
    () => new Map(),
  ],
  [
    'getClientSessionsByGroup',
    (api) => api.getClientSessionsByGroup('both'),
    ([a, b, , d]) => mapOf({ [a]: sessions[0], [b]: sessions[1], [d]: undefined }),
    ([, b, , d]) => mapOf({ [b]: sessions[1], [d]: undefined }),
  ],
  ['getUidListByGroup', (api) => api.getUidListByGroup('first'), () => ['anna', 'bob'], () => []],
  [
    'getUidListByGroup, each uid once',
    (api) => api.getUidListByGroup('both'),
    () => ['anna'],
    () => ['anna'],
  ],
  ['getUidListByGroup, empty', (api) => api.getUidListByGroup('empty'), () => [], () => []],
  ['getUidCountByGroup', (api) => api.getUidCountByGroup('both'), () => 1, () => 1],
  [
    'getUidCountByGroup, of one gateway',
    (api) => api.getUidCountByGroup('first'),
    () => 2,
    () => 0,
  ],
  ['getUidCountByGroup, no uid', (api) => api.getUidCountByGroup('last'), () => 0, () => 0],
  [
    'getAllGroupIdList',
    (api) => api.getAllGroupIdList(),
    () => ['both', 'first', 'last'],
    () => ['both', 'last'],
  ],
  [
    'getAllGroupClientIdList',
    (api) => api.getAllGroupClientIdList(),
    ([a, b, c, d]) => mapOf({ both: [a, b, d], first: [a, c], last: [d] }),
    ([, b, , d]) => mapOf({ both: [b, d], last: [d] }),
  ],
  [
    'getAllGroupClientIdCount',
    (api) => api.getAllGroupClientIdCount(),
    () => mapOf({ both: 3, first: 2, last: 1 }),
    () => mapOf({ both: 2, last: 1 }),
  ],
  [
    'getAllGroupUidList',
    (api) => api.getAllGroupUidList(),
    () => mapOf({ both: ['anna'], first: ['anna', 'bob'], last: [] }),
    () => mapOf({ both: ['anna'], last: [] }),
  ],
  [
    'getAllGroupUidCount',
    (api) => api.getAllGroupUidCount(),
    () => mapOf({ both: 1, first: 2, last: 0 }),
    () => mapOf({ both: 1, last: 0 }),
  ],
  ['getSession', (api, [a]) => api.getSession(a), () => sessions[0]],
  ['getSession, without', (api, [, , c]) => api.getSession(c), () => undefined],
  ['getSession, stale', (api, ids) => api.getSession(stale(ids)), () => null],
  ['getSession, foreign', (api) => api.getSession(foreign), () => null],
  ['getSession, no id', (api) => api.getSession('x'), () => null],
];

test.each(sides)('queries: answer for all gateways, from %s', async (side) => {
  const started = await startApiCluster();
  const { ids } = await enterFour(started);
  const api = noting(started, side);
  for (const [name, ask, whole] of queries) {
    expect([name, inOrder(await ask(api, ids))]).toEqual([name, inOrder(whole(ids))]);
  }
  const online = await api.isUidsOnline(['x', 'bob', 'anna', 'x']);
  expect([...online.keys()]).toEqual(['x', 'bob', 'anna']);
});

test('queries: a lost gateway is named, the answer of the other one is there', async () => {
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const innerListen = `127.0.0.1:${innerPort}`;
  const lost = `127.0.0.1:${proxy.port}`;
  const started = await startApiCluster({
    gatewayOptions: (id) => (id === 0 ? { startPort: proxy.port, innerListen } : {}),
  });
  const { ids } = await enterFour(started);
  const api = await started.cluster.gatewayClient();
  await proxy.stop();
  for (const [name, ask, , ofSecond] of queries) {
    if (ofSecond === undefined) continue;
    const error: unknown = await ask(api, ids).catch((thrown: unknown) => thrown);
    if (!(error instanceof PartialResultError)) throw new Error(`${name} did not reject`);
    expect([name, error.missing]).toEqual([name, [lost]]);
    expect([name, inOrder(error.partial)]).toEqual([name, inOrder(ofSecond(ids))]);
  }
});

/** Announces a gateway that accepts links and never answers. Answers its address. */
async function startSilentGateway(registerAddress: string): Promise<string> {
  const instanceId = randomUUID();
  const name = 'silent-gateway';
  const gatewayToken = 1;
  const shared = { secretKey: '', scheduler: new FlushScheduler(), logger: captureLogger().logger };
  const server = new FrameServer({
    ...shared,
    identity: { role: AcceptorRole.Gateway, instanceId, name, id: 0, gatewayToken },
    allowedRoles: [DialerRole.Worker, DialerRole.Client],
    onLink: () => undefined,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 }, name);
  const address = `127.0.0.1:${port}`;
  const link = new DialedLink({
    ...shared,
    address: parseHostPort('registerAddress', registerAddress),
    identity: { role: DialerRole.Gateway, instanceId, name, id: 0 },
    onUp: (connection) => {
      const gateway = { address, instanceId, gatewayToken, name };
      connection.send({ type: 'gatewayAnnouncement', gateway, isAgain: false });
    },
    onDown: () => undefined,
  });
  onTestFinished(async () => {
    await link.close();
    await server.close();
  });
  return address;
}

test('queries: a gateway that does not answer is named, the others answer', async () => {
  const started = await startApiCluster();
  const { ids } = await enterFour(started);
  const missing = await startSilentGateway(started.cluster.registerAddress);
  const api = await eventually(async () => {
    const client = await started.cluster.gatewayClient({ queryTimeoutMs: 1000 });
    const error: unknown = await client.isUidsOnline(['anna']).catch((thrown: unknown) => thrown);
    return error instanceof PartialResultError ? client : undefined;
  });
  const asked = queries.filter(([, , , ofSecond]) => ofSecond !== undefined);
  const errors = await Promise.all(
    asked.map(([, ask]) => ask(api, ids).catch((error: unknown) => error)),
  );
  for (const [index, [name, , whole]] of asked.entries()) {
    const error = errors[index];
    if (!(error instanceof PartialResultError)) throw new Error(`${name} did not reject`);
    expect([name, error.missing]).toEqual([name, [missing]]);
    expect([name, inOrder(error.partial)]).toEqual([name, inOrder(whole(ids))]);
    expect(error.cause).toMatchObject({ code: 'GW_ERR_QUERY_TIMEOUT' });
  }
});

test.each(sides)(
  'queries: see commands sent before them, not later ones, from %s',
  async (side) => {
    const started = await startApiCluster();
    const { ids } = await enterFour(started);
    const api = started.api[side];
    const [a, , , d] = ids;
    for (let round = 0; round < 20; round += 1) {
      const [uid, group] = [`uid${round}`, `group${round}`];
      api.bindUid(d, uid);
      api.joinGroup(d, group);
      api.joinGroup(a, group);
      const joined = api.getClientIdListByGroup(group).then((clients) => clients.toSorted());
      const during = Promise.all([
        api.isUidOnline(uid),
        api.isUidsOnline([uid]).then((online) => online.get(uid)),
        api.batchGetClientIdByUid([uid]).then((clients) => clients.get(uid)),
        api.getClientIdCountByGroup(group),
        api.batchGetClientIdCountByGroup([group]).then((counts) => counts.get(group)),
        api.getUidListByGroup(group).then((uids) => uids.toSorted()),
        api.getUidCountByGroup(group),
        api.getAllUidCount(),
        api.getAllGroupIdList().then((groups) => groups.includes(group)),
        api.getAllGroupClientIdCount().then((sizes) => sizes.get(group)),
        api.getAllGroupUidCount().then((counts) => counts.get(group)),
      ]);
      api.unbindUid(d);
      api.leaveGroup(a, group);
      const left = api.getClientIdListByGroup(group);
      api.ungroup(group);
      const after = Promise.all([
        api.isUidsOnline([uid]).then((online) => online.get(uid)),
        api.batchGetClientIdCountByGroup([group]).then((counts) => counts.get(group)),
        api.getUidListByGroup(group),
        api.getAllUidList().then((uids) => uids.includes(uid)),
        api.getAllGroupIdList().then((groups) => groups.includes(group)),
      ]);
      expect([await joined, await left]).toEqual([[a, d].toSorted(), [d]]);
      expect(await during).toEqual([true, true, [d], 2, 2, ['anna', uid], 2, 3, true, 2, 2]);
      expect(await after).toEqual([false, 0, [], false, false]);
    }
  },
);

test.each(sides)('sessions: replaced, or merged at any depth, from %s', async (side) => {
  const started = await startApiCluster();
  const [a, , , d] = (await enterFour(started)).ids;
  const api = noting(started, side);
  api.updateSession(a, { deep: { y: 2, list: [3] }, more: true });
  expect(await api.getSession(a)).toEqual({
    name: 'a',
    deep: { x: 1, y: 2, list: [3] },
    more: true,
  });
  api.setSession(a, { only: 'this' });
  expect(await api.getSession(a)).toEqual({ only: 'this' });
  api.updateSession(d, { first: 1 });
  expect(await api.getSession(d)).toEqual({ first: 1 });
});

test.each(sides)(
  'closeClient: sends what is queued, then code and reason, from %s',
  async (side) => {
    const started = await startApiCluster();
    const { clients, ids } = await enterFour(started);
    const [a, b, c, d] = ids;
    const api = noting(started, side);
    const long = 'x'.repeat(400_000);
    api.sendToClient(a, long);
    api.closeClient(a, 'last words', { code: 4001, reason: 'enough' });
    api.sendToClient(a, 'too late');
    api.closeClient(b);
    expect(await clients[0]?.ended).toEqual({ code: 4001, reason: 'enough' });
    expect(clients[0]?.messages).toEqual([long, 'last words']);
    expect(await clients[1]?.ended).toEqual({ code: 1000, reason: '' });
    expect(clients[1]?.messages).toEqual([]);
    await eventually(async () => (await api.getAllClientIdCount()) === 2);
    expect([await api.isOnline(a), await api.getSession(a)]).toEqual([false, null]);
    // The id of a client that is gone is like an id that never existed.
    api.joinGroup(a, 'both');
    api.bindUid(a, 'bob');
    expect(await api.getClientIdListByGroup('both')).toEqual([d]);
    expect(await api.getClientIdByUid('bob')).toEqual([c]);
  },
);

test.each(sides)(
  'destroyClient, closeUid, closeGroup: close only their clients, from %s',
  async (side) => {
    const started = await startApiCluster();
    const api = noting(started, side);
    const destroyed = await enterFour(started);
    api.destroyClient(destroyed.ids[1]);
    expect(await destroyed.clients[1]?.ended).toEqual({ code: 1006, reason: '' });
    expect(await api.getClientIdByUid('anna')).toEqual([destroyed.ids[0]]);
    await leave(started, destroyed);

    const ofUid = await enterFour(started);
    api.closeUid('anna', 'bye', { code: 4002, reason: 'moved' });
    for (const client of ofUid.clients.slice(0, 2)) {
      expect(await client.ended).toEqual({ code: 4002, reason: 'moved' });
      expect(client.messages).toEqual(['bye']);
    }
    await eventually(async () => (await api.getAllClientIdCount()) === 2);
    expect(ofUid.clients.map(({ isOpen }) => isOpen)).toEqual([false, false, true, true]);
    await leave(started, ofUid);

    const ofGroup = await enterFour(started);
    api.joinGroup(ofGroup.ids[1], 'pair');
    api.joinGroup(ofGroup.ids[2], 'pair');
    api.closeGroup('pair', 'bye', { code: 4003, reason: 'over' });
    for (const client of ofGroup.clients.slice(1, 3)) {
      expect(await client.ended).toEqual({ code: 4003, reason: 'over' });
      expect(client.messages).toEqual(['bye']);
    }
    await eventually(async () => (await api.getAllClientIdCount()) === 2);
    expect(ofGroup.clients.map(({ isOpen }) => isOpen)).toEqual([true, false, false, true]);
    expect(await api.getClientIdListByGroup('pair')).toEqual([]);
  },
);

test('ids of no gateway: a send answers false and reaches no client', async () => {
  const started = await startApiCluster();
  const four = await enterFour(started);
  for (const side of sides) {
    const api = started.api[side];
    for (const id of [foreign, 'no id']) {
      const handed = [
        api.sendToClient(id, 'm'),
        api.bindUid(id, 'u'),
        api.joinGroup(id, 'both'),
        api.setSession(id, {}),
        api.closeClient(id),
        api.destroyClient(id),
      ];
      expect(handed).toEqual(handed.map(() => false));
    }
    expect(await received(api, four)).toEqual([[], [], [], []]);
    expect(await api.isUidOnline('u')).toBe(false);
  }
});

test('client id: 20 characters, which show neither address nor port of the gateway', async () => {
  const started = await startApiCluster();
  const { ids } = await enterFour(started);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) {
    expect(id).toMatch(/^[\w-]{20}$/);
    const decoded = Buffer.from(id, 'base64url').toString('latin1');
    expect(decoded).not.toContain('\x7f\0\0\x01');
    for (const { port } of started.cluster.gateways) {
      expect(decoded).not.toContain(String.fromCharCode(port >> 8, port & 0xff));
    }
  }
});

test('uids and groups: gone from every list with their last client', async () => {
  const started = await startApiCluster();
  const { ids } = await enterFour(started);
  const api = started.api.outside;
  for (const id of ids) api.closeClient(id);
  await eventually(async () => (await api.getAllClientCount()) === 0);
  expect(await api.getAllUidList()).toEqual([]);
  expect(await api.getAllGroupIdList()).toEqual([]);
  expect(await api.getAllGroupClientIdList()).toEqual(new Map());
  expect(await api.getAllGroupUidCount()).toEqual(new Map());
});

const id = foreign;

/** Calls that throw a TypeError. */
const wrongTypes: readonly (readonly [method: string, ...args: unknown[]])[] = [
  ...[[7], [undefined], [{ not: 'a payload' }], ['m', { only: [7] }], ['m', { only: [''] }]].map(
    (args) => ['sendToAll', ...args] as const,
  ),
  ['sendToAll', 'm', { exclude: [7] }],
  ['sendToClient', '', 'm'],
  ['sendToClient', 7, 'm'],
  ['sendToClient', id, { json: true }],
  ['sendToUid', '', 'm'],
  ['sendToUid', Number.NaN, 'm'],
  ['sendToUid', ['anna', ''], 'm'],
  ['sendToUid', null, 'm'],
  ['sendToGroup', 7, 'm'],
  ['sendToGroup', ['both', ''], 'm'],
  ['closeClient', '', 'bye'],
  ['closeClient', id, 7],
  ['destroyClient', ''],
  ['closeUid', ''],
  ['closeGroup', ''],
  ['bindUid', id, ''],
  ['bindUid', id, null],
  ['bindUid', '', 'anna'],
  ['unbindUid', ''],
  ['joinGroup', id, ''],
  ['joinGroup', id, 7],
  ['leaveGroup', id, ''],
  ['ungroup', ''],
  ['setSession', id, 'text'],
  ['setSession', id, [1]],
  ['setSession', '', {}],
  ['updateSession', id, null],
  ['isOnline', ''],
  ['isOnline', undefined],
  ['isUidOnline', ''],
  ['getUidState', ''],
  ['getUidStates', 'anna'],
  ['isUidsOnline', 'anna'],
  ['isUidsOnline', ['']],
  ['getClientIdByUid', {}],
  ['batchGetClientIdByUid', [null]],
  ['getUidByClientId', 7],
  ['getClientIdListByGroup', ''],
  ['getClientIdCountByGroup', ''],
  ['getClientCountByGroup', ''],
  ['batchGetClientIdCountByGroup', ['']],
  ['getClientSessionsByGroup', ''],
  ['getUidListByGroup', ''],
  ['getUidCountByGroup', ''],
  ['getSession', ''],
];

test('wrong arguments: the call throws and sends nothing', async () => {
  const started = await startApiCluster();
  const four = await enterFour(started);
  const api = started.api['worker 0'];
  const call = (method: string, ...args: unknown[]): unknown =>
    Reflect.apply(Reflect.get(api, method), api, args);
  for (const [method, ...args] of wrongTypes) {
    expect(() => call(method, ...args), `${method} ${args}`).toThrow(TypeError);
  }
  expect(() => call('closeClient', id, 'x', { code: 1006 })).toThrow(RangeError);
  expect(() => call('closeClient', id, 'x', { reason: 'x'.repeat(124) })).toThrow(RangeError);
  expect(await received(api, four)).toEqual([[], [], [], []]);
});

/** Names of all methods, inherited ones included. */
function methodsOf(value: object): string[] {
  const names = new Set<string>();
  let prototype: unknown = Object.getPrototypeOf(value);
  while (prototype instanceof Object && prototype !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...names].filter((name) => name !== 'constructor').toSorted();
}

test('methods: gateway in a worker has those of GatewayClient, all are tested above', async () => {
  const { api } = await startApiCluster();
  expect(api['worker 0']).toBeInstanceOf(GatewayClient);
  const methods = methodsOf(api.outside);
  expect(methodsOf(api['worker 0'])).toEqual(methods);
  expect([...called, 'close'].toSorted()).toEqual(methods);
});
