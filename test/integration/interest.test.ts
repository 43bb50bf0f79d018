import type { EventHandler, WorkerInfo } from '@gatewayworker/business-worker';
import {
  createLogger,
  DialedLink,
  FlushScheduler,
  type FrameConnection,
} from '@gatewayworker/core';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import { DialerRole, parseClientId, writeJoinGroup } from '@gatewayworker/protocol';
import { eventually, type Roles, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** A client and its id. */
interface Member {
  readonly client: TestClient;
  readonly id: string;
}

/** Three gateways with a client each, a worker, and its Gateway API. */
async function threeGateways(events: EventHandler = {}): Promise<{
  readonly cluster: Roles;
  readonly api: GatewayClient;
  readonly members: readonly [Member, Member, Member];
}> {
  const workers: WorkerInfo[] = [];
  const cluster = await roles({
    events: {
      onWorkerStart: (worker) => void workers.push(worker),
      onConnect: (id, ctx) => void ctx.send(id),
      ...events,
    },
    gateways: 3,
  });
  const open = async (gateway: number): Promise<Member> => {
    const client = await cluster.connect(gateway);
    return { client, id: String(await client.next()) };
  };
  const members = [await open(0), await open(1), await open(2)] as const;
  const api = workers[0]?.gateway;
  if (api === undefined) throw new Error('the worker has not started');
  return { cluster, api, members };
}

/** Number of commands that a call of the worker sends to gateways. */
function handed(cluster: Roles, call: () => boolean): number {
  const sent = (): number => cluster.workers[0]?.status().sent ?? 0;
  const before = sent();
  expect(call()).toBe(true);
  return sent() - before;
}

test('interest: a send goes only to gateways with members of the uid or group', async () => {
  const { cluster, api, members } = await threeGateways();
  const [a, b, c] = members;
  api.bindUid(a.id, 'tom');
  for (const { id } of [a, b]) api.joinGroup(id, 'room');
  api.joinGroup(c.id, 'hall');
  // A gateway gets every send until it has sent its names.
  await eventually(() => handed(cluster, () => api.sendToUid('unknown', 'x')) === 0);
  expect(handed(cluster, () => api.sendToUid('tom', '1'))).toBe(1);
  expect(handed(cluster, () => api.sendToGroup('room', '2'))).toBe(2);
  expect(handed(cluster, () => api.sendToGroup(['room', 'hall'], '3'))).toBe(3);
  expect(handed(cluster, () => api.sendToGroup('room', '4', { exclude: [a.id] }))).toBe(2);
  expect(handed(cluster, () => api.sendToUid(['tom', 'unknown'], '5'))).toBe(1);
  expect(handed(cluster, () => api.sendToAll('6'))).toBe(3);
  const next = async ({ client }: Member, count: number): Promise<unknown[]> => {
    const messages: unknown[] = [];
    while (messages.length < count) messages.push(await client.next());
    return messages;
  };
  expect(await next(a, 5)).toEqual(['1', '2', '3', '5', '6']);
  expect(await next(b, 4)).toEqual(['2', '3', '4', '6']);
  expect(await next(c, 2)).toEqual(['3', '6']);
  c.client.close();
  await eventually(() => handed(cluster, () => api.sendToGroup('hall', 'x')) === 0);
});

test.each(['inside', 'outside'] as const)(
  'interest: a join and a send right after it reach the client, from %s',
  async (side) => {
    const { cluster, api: inside, members } = await threeGateways();
    const api = side === 'inside' ? inside : await cluster.gatewayClient();
    await eventually(async () => (await api.getAllClientIdCount()) === 3);
    for (let round = 0; round < 300; round += 1) {
      const one = members[round % 3] as Member;
      const other = members[(round + 1) % 3] as Member;
      const name = `name ${round % 7}`;
      api.joinGroup(one.id, name);
      api.sendToGroup(name, `group ${round}`);
      api.bindUid(other.id, name);
      api.sendToUid(name, `uid ${round}`);
      api.leaveGroup(one.id, name);
      api.unbindUid(other.id);
      // Some rounds wait for the interest updates, others send before them.
      if (round % 5 === 0) await api.isOnline(one.id);
    }
    for (let round = 0; round < 300; round += 1) {
      const [one, other] = [members[round % 3], members[(round + 1) % 3]];
      expect(await one?.client.next()).toBe(`group ${round}`);
      expect(await other?.client.next()).toBe(`uid ${round}`);
    }
  },
);

test('interest: uid and groups of a handshake count in onConnect', async () => {
  let api: GatewayClient | undefined;
  const cluster = await roles({
    events: {
      onHandshake: () => ({ accept: true, uid: 'tom', groups: ['lobby'] }),
      onConnect: (id, ctx) => void ctx.send(id),
      onWebSocketConnect: (_id, _request, ctx) => {
        api?.sendToGroup('lobby', 'lobby');
        api?.sendToUid('tom', 'tom');
        ctx.send('end');
      },
      onWorkerStart: (worker) => {
        api = worker.gateway;
      },
    },
    gateways: 2,
  });
  for (let round = 0; round < 20; round += 1) {
    const client = await cluster.connect(round % 2);
    await client.next();
    expect(await client.next()).toBe('lobby');
    expect(await client.next()).toBe('tom');
    expect(await client.next()).toBe('end');
    client.close();
    await eventually(async () => (await api?.getAllClientIdCount()) === 0);
  }
});
test('interest: a new gateway gets the sends to its members', async () => {
  const { cluster, api: gateway, members } = await threeGateways();
  const [a] = members;
  gateway.joinGroup(a.id, 'room');
  await cluster.gateways[2]?.stop();
  await cluster.startGateway();
  await eventually(() => cluster.gateways[3]?.workerCount === 1);
  const client = await cluster.connect(3);
  const id = String(await client.next());
  gateway.joinGroup(id, 'room');
  gateway.sendToGroup('room', 'hello');
  expect(await client.next()).toBe('hello');
  expect(await a.client.next()).toBe('hello');
  await eventually(() => handed(cluster, () => gateway.sendToGroup('room', 'x')) === 2);
});

test('names: a join of 70,000 bytes ends the link of its sender and no other', async () => {
  const ids: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  const address = parseClientId(ids[0] ?? '');
  if (address === undefined) throw new Error('it has an id');
  const link = await new Promise<FrameConnection>((resolve) => {
    const dialed = new DialedLink({
      address: { host: '127.0.0.1', port: cluster.gateways[0]?.innerPort ?? 0 },
      identity: { role: DialerRole.Client, instanceId: 'raw', name: 'raw', id: 0 },
      secretKey: '',
      scheduler: new FlushScheduler(),
      logger: createLogger({ stdout: false }),
      onUp: resolve,
      onDown: () => undefined,
    });
    onTestFinished(() => dialed.close());
  });
  writeJoinGroup(link.writer(), address, 'x'.repeat(70_000));
  await link.closed;
  expect(cluster.log.map(({ reason }) => reason)).toContain(
    'a name takes 70000 bytes; allowed: 1 to 65535',
  );
  const api = await cluster.gatewayClient();
  expect(await api.getAllGroupIdList()).toEqual([]);
  expect(cluster.workers[0]?.status().ready).toBe(true);
  api.joinGroup(ids[0] ?? '', 'x'.repeat(65_535));
  expect(api.sendToGroup('x'.repeat(65_535), 'hello')).toBe(true);
  expect(await client.next()).toBe('hello');
});
