import { randomUUID } from 'node:crypto';
import type { WorkerInfo } from '@gatewayworker/business-worker';
import {
  DialedLink,
  FlushScheduler,
  FrameServer,
  PartialResultError,
  parseHostPort,
} from '@gatewayworker/core';
import type { GatewayOptions } from '@gatewayworker/gateway';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  FaultProxy,
  freePorts,
  type Roles,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** Ids of four clients, two at each gateway. */
type Ids = readonly [a: string, b: string, c: string, d: string];

interface Cluster {
  readonly cluster: Roles;
  /** `gateway` of the second worker. */
  readonly inside: GatewayClient;
  readonly outside: GatewayClient;
  readonly ids: Ids;
}

/**
 * Two gateways, two workers and four clients: `anna` has the first client of each gateway, `bob` the
 * second of the first, and the last has no uid. `both` has a member at each gateway and one without
 * a uid, `first` has those of the first gateway, `last` the one without a uid.
 */
async function fourClients(first: Partial<GatewayOptions> = {}): Promise<Cluster> {
  const workers: WorkerInfo[] = [];
  const cluster = await roles({
    events: {
      onWorkerStart: (worker) => void workers.push(worker),
      onConnect: (id, ctx) => void ctx.send(id),
    },
    gateways: 2,
    workers: 2,
    gatewayOptions: (gatewayId) => (gatewayId === 0 ? first : {}),
  });
  const open = async (gateway: number): Promise<string> =>
    String(await (await cluster.connect(gateway)).next());
  const ids = [await open(0), await open(0), await open(1), await open(1)] as const;
  const [a, b, c, d] = ids;
  const outside = await cluster.gatewayClient();
  outside.bindUid(a, 'anna');
  outside.bindUid(b, 'bob');
  outside.bindUid(c, 'anna');
  for (const id of [a, c, d]) outside.joinGroup(id, 'both');
  for (const id of [a, b]) outside.joinGroup(id, 'first');
  outside.joinGroup(d, 'last');
  // An answer tells that every gateway has all of it, whoever asks next.
  await outside.getAllClientIdCount();
  const inside = workers[1]?.gateway;
  if (inside === undefined) throw new Error('the second worker has not started');
  return { cluster, inside, outside, ids };
}

/** An answer with its lists in the order of the alphabet: gateways answer in any. */
function inOrder(answer: unknown): unknown {
  if (answer instanceof Map) {
    return new Map(Array.from(answer, ([key, value]) => [key, inOrder(value)]));
  }
  return Array.isArray(answer) ? answer.toSorted() : answer;
}

/** What each query answers of the four clients. */
const queries: readonly {
  readonly name: string;
  readonly ask: (api: GatewayClient) => Promise<unknown>;
  readonly whole: (ids: Ids) => unknown;
  /** What the second gateway alone has to say. */
  readonly ofSecond: (ids: Ids) => unknown;
}[] = [
  {
    name: 'isUidsOnline',
    ask: (api) => api.isUidsOnline(['anna', 'bob', 'nobody', 7]),
    whole: () =>
      new Map([
        ['anna', true],
        ['bob', true],
        ['nobody', false],
        ['7', false],
      ]),
    ofSecond: () =>
      new Map([
        ['anna', true],
        ['bob', false],
        ['nobody', false],
        ['7', false],
      ]),
  },
  {
    name: 'batchGetClientIdByUid',
    ask: (api) => api.batchGetClientIdByUid(['nobody', 'bob', 'anna', 'bob']),
    whole: ([a, b, c]) =>
      new Map([
        ['nobody', []],
        ['bob', [b]],
        ['anna', [a, c]],
      ]),
    ofSecond: ([_a, _b, c]) =>
      new Map([
        ['nobody', []],
        ['bob', []],
        ['anna', [c]],
      ]),
  },
  {
    name: 'batchGetClientIdCountByGroup',
    ask: (api) => api.batchGetClientIdCountByGroup(['first', 'nothing', 'both']),
    whole: () =>
      new Map([
        ['first', 2],
        ['nothing', 0],
        ['both', 3],
      ]),
    ofSecond: () =>
      new Map([
        ['first', 0],
        ['nothing', 0],
        ['both', 2],
      ]),
  },
  {
    name: 'getAllUidList',
    ask: (api) => api.getAllUidList(),
    whole: () => ['anna', 'bob'],
    ofSecond: () => ['anna'],
  },
  {
    name: 'getAllUidCount',
    ask: (api) => api.getAllUidCount(),
    whole: () => 2,
    ofSecond: () => 1,
  },
  {
    name: 'getUidListByGroup',
    ask: (api) => api.getUidListByGroup('both'),
    whole: () => ['anna'],
    ofSecond: () => ['anna'],
  },
  {
    name: 'getUidListByGroup of a group nobody is in',
    ask: (api) => api.getUidListByGroup('nothing'),
    whole: () => [],
    ofSecond: () => [],
  },
  {
    name: 'getUidCountByGroup',
    ask: (api) => api.getUidCountByGroup('both'),
    whole: () => 1,
    ofSecond: () => 1,
  },
  {
    name: 'getUidCountByGroup of a group of one gateway',
    ask: (api) => api.getUidCountByGroup('first'),
    whole: () => 2,
    ofSecond: () => 0,
  },
  {
    name: 'getAllGroupIdList',
    ask: (api) => api.getAllGroupIdList(),
    whole: () => ['both', 'first', 'last'],
    ofSecond: () => ['both', 'last'],
  },
  {
    name: 'getAllGroupClientIdList',
    ask: (api) => api.getAllGroupClientIdList(),
    whole: ([a, b, c, d]) =>
      new Map([
        ['both', [a, c, d]],
        ['first', [a, b]],
        ['last', [d]],
      ]),
    ofSecond: ([_a, _b, c, d]) =>
      new Map([
        ['both', [c, d]],
        ['last', [d]],
      ]),
  },
  {
    name: 'getAllGroupClientIdCount',
    ask: (api) => api.getAllGroupClientIdCount(),
    whole: () =>
      new Map([
        ['both', 3],
        ['first', 2],
        ['last', 1],
      ]),
    ofSecond: () =>
      new Map([
        ['both', 2],
        ['last', 1],
      ]),
  },
  {
    name: 'getAllGroupUidList',
    ask: (api) => api.getAllGroupUidList(),
    whole: () =>
      new Map([
        ['both', ['anna']],
        ['first', ['anna', 'bob']],
        ['last', []],
      ]),
    ofSecond: () =>
      new Map([
        ['both', ['anna']],
        ['last', []],
      ]),
  },
  {
    name: 'getAllGroupUidCount',
    ask: (api) => api.getAllGroupUidCount(),
    whole: () =>
      new Map([
        ['both', 1],
        ['first', 2],
        ['last', 0],
      ]),
    ofSecond: () =>
      new Map([
        ['both', 1],
        ['last', 0],
      ]),
  },
  {
    name: 'getAllClientCount',
    ask: (api) => api.getAllClientCount(),
    whole: () => 4,
    ofSecond: () => 2,
  },
  {
    name: 'getClientCountByGroup',
    ask: (api) => api.getClientCountByGroup('both'),
    whole: () => 3,
    ofSecond: () => 2,
  },
];

test.each(['inside', 'outside'] as const)(
  'every query answers for the whole cluster, from %s',
  async (side) => {
    const context = await fourClients();
    for (const { name, ask, whole } of queries) {
      const answer = inOrder(await ask(context[side]));
      expect([name, answer]).toEqual([name, inOrder(whole(context.ids))]);
    }
  },
);

test('a batch answers every key once, in the order asked, and nothing when asked nothing', async () => {
  const { inside, outside } = await fourClients();
  for (const api of [inside, outside]) {
    const online = await api.isUidsOnline(['x', 'bob', 'anna', 'x']);
    expect([...online.keys()]).toEqual(['x', 'bob', 'anna']);
    expect(await api.isUidsOnline([])).toEqual(new Map());
    expect(await api.batchGetClientIdByUid([])).toEqual(new Map());
    expect(await api.batchGetClientIdCountByGroup([])).toEqual(new Map());
  }
});

/** Announces a gateway that takes links and never answers. Gives its address. */
async function startSilentGateway(cluster: Roles): Promise<string> {
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
    address: parseHostPort('registerAddress', cluster.registerAddress),
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

test('a gateway that does not answer is missing, and the rest of the answer is there', async () => {
  const { cluster, ids } = await fourClients();
  const missing = await startSilentGateway(cluster);
  const api = await eventually(async () => {
    const client = await cluster.gatewayClient({ queryTimeoutMs: 1000 });
    const error: unknown = await client.isUidsOnline(['anna']).catch((thrown: unknown) => thrown);
    return error instanceof PartialResultError ? client : undefined;
  });
  const errors = await Promise.all(
    queries.map(({ ask }) => ask(api).catch((error: unknown) => error)),
  );
  for (const [index, { name, whole }] of queries.entries()) {
    const error = errors[index];
    if (!(error instanceof PartialResultError)) throw new Error(`${name} did not reject`);
    expect([name, error.missing]).toEqual([name, [missing]]);
    expect([name, inOrder(error.partial)]).toEqual([name, inOrder(whole(ids))]);
    expect(error.cause).toMatchObject({ code: 'GW_ERR_QUERY_TIMEOUT' });
  }
});

test('a partial answer has what the gateways that are linked know, and every key of a batch', async () => {
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const { cluster, ids } = await fourClients({
    startPort: proxy.port,
    innerListen: `127.0.0.1:${innerPort}`,
  });
  const lost = `127.0.0.1:${proxy.port}`;
  const api = await cluster.gatewayClient();
  await proxy.stop();
  for (const { name, ask, ofSecond } of queries) {
    const error: unknown = await ask(api).catch((thrown: unknown) => thrown);
    if (!(error instanceof PartialResultError)) throw new Error(`${name} did not reject`);
    expect([name, error.missing]).toEqual([name, [lost]]);
    expect([name, inOrder(error.partial)]).toEqual([name, inOrder(ofSecond(ids))]);
  }
});

test('a caller sees its own earlier commands in every query, and none of its later ones', async () => {
  const { inside, outside, ids } = await fourClients();
  const [a, , , d] = ids;
  for (const api of [inside, outside]) {
    for (let round = 0; round < 20; round += 1) {
      const [uid, group] = [`uid${round}`, `group${round}`];
      api.bindUid(d, uid);
      api.joinGroup(d, group);
      api.joinGroup(a, group);
      const during = Promise.all([
        api.isUidsOnline([uid]),
        api.batchGetClientIdByUid([uid]),
        api.batchGetClientIdCountByGroup([group]),
        api.getUidListByGroup(group),
        api.getUidCountByGroup(group),
        api.getAllUidCount(),
        api.getAllGroupIdList(),
        api.getAllGroupClientIdCount(),
        api.getAllGroupUidCount(),
      ]);
      api.unbindUid(d);
      api.ungroup(group);
      const after = Promise.all([
        api.isUidsOnline([uid]),
        api.batchGetClientIdCountByGroup([group]),
        api.getUidListByGroup(group),
        api.getAllUidList(),
        api.getAllGroupIdList(),
      ]);
      const [online, clients, counts, uids, uidCount, allUids, groups, sizes, uidCounts] =
        await during;
      expect([online.get(uid), clients.get(uid), counts.get(group)]).toEqual([true, [d], 2]);
      expect([uids.toSorted(), uidCount, allUids]).toEqual([['anna', uid], 2, 3]);
      expect(groups).toContain(group);
      expect([sizes.get(group), uidCounts.get(group)]).toEqual([2, 2]);
      const [onlineAfter, countsAfter, uidsAfter, allAfter, groupsAfter] = await after;
      expect([onlineAfter.get(uid), countsAfter.get(group), uidsAfter]).toEqual([false, 0, []]);
      expect([allAfter.includes(uid), groupsAfter.includes(group)]).toEqual([false, false]);
    }
  }
});

test('uids and groups that have lost their last client are listed no more', async () => {
  const { cluster, outside: api, ids } = await fourClients();
  for (const id of ids) api.closeClient(id);
  await eventually(async () => (await api.getAllClientCount()) === 0);
  expect(cluster.gateways).toHaveLength(2);
  expect(await api.getAllUidList()).toEqual([]);
  expect(await api.getAllGroupIdList()).toEqual([]);
  expect(await api.getAllGroupClientIdList()).toEqual(new Map());
  expect(await api.getAllGroupUidCount()).toEqual(new Map());
});

/** Names of the methods that an object has, those of the classes above its own too. */
function methodsOf(value: object): string[] {
  const names = new Set<string>();
  let prototype: unknown = Object.getPrototypeOf(value);
  while (prototype instanceof Object) {
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...names].sort();
}

test('gateway in a worker and GatewayClient outside have the same methods', async () => {
  const { inside, outside } = await fourClients();
  expect(inside).toBeInstanceOf(GatewayClient);
  expect(methodsOf(inside)).toEqual(methodsOf(outside));
  const asked = queries.map(({ name }) => name.split(' ')[0] ?? '');
  expect(methodsOf(inside)).toEqual(expect.arrayContaining(asked));
});
