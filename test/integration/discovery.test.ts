import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { GatewayClient } from '@gatewayworker/gateway-client';
import {
  captureLogger,
  type Etcd,
  eventually,
  FaultProxy,
  openTcpPeer,
  type Roles,
  skipReason,
  startEtcd,
} from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { roles } from './roles.ts';

const echo: EventHandler = { onMessage: (_id, message, ctx) => void ctx.send(message) };

/** A way of discovery, and how a test interrupts it. */
interface Means {
  /** `registerAddress` of every process; `undefined` when the cluster has a register of its own. */
  readonly address: string | undefined;
  /** The not-ready reason while it is unavailable. */
  readonly away: string;
  stop(cluster: Roles): Promise<void>;
  start(cluster: Roles): Promise<void>;
}

let etcd: Etcd | undefined;
const reason = skipReason('etcd');

beforeAll(async () => {
  if (reason === '') etcd = await startEtcd();
});

afterAll(() => etcd?.dispose());

const register: () => Means = () => ({
  address: undefined,
  away: 'no register is linked',
  stop: (cluster) => cluster.stopRegister(),
  start: (cluster) => cluster.startRegister(),
});

let prefixes = 0;

/** The etcd of this file, with a prefix of its own for each test. */
const store: () => Means = () => {
  prefixes += 1;
  return {
    address: `${etcd?.address ?? ''}/${prefixes}`,
    away: 'the etcd does not answer',
    stop: async () => etcd?.kill(),
    start: async () => etcd?.start(),
  };
};

async function start(means: Means, counts: { gateways?: number; workers?: number } = {}) {
  const { address } = means;
  return await roles({
    events: echo,
    ...counts,
    ...(address !== undefined && { registerAddress: address }),
  });
}

/** Accepts connections at the former port of a gateway. */
async function listenAt(port: number): Promise<{ readonly accepted: readonly Socket[] }> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => void accepted.push(socket.resume())).listen(
    port,
    '127.0.0.1',
  );
  onTestFinished(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { accepted };
}

describe.each([
  ['a register', register, false],
  [`an etcd${reason}`, store, reason !== ''],
])('by %s', (_name, makeMeans, isSkipped) => {
  test.skipIf(isSkipped)(
    'gateways and workers find each other in whatever order they come',
    async () => {
      const cluster = await start(makeMeans(), { gateways: 1, workers: 1 });
      await cluster.startGateway();
      await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 1));
      await cluster.startWorker();
      await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 2));
      for (const index of [0, 1]) {
        const client = await cluster.connect(index);
        client.send('x');
        expect(await client.next()).toBe('x');
      }
      const api = await cluster.gatewayClient();
      expect(await api.getAllClientIdCount()).toBe(2);
    },
  );

  test.skipIf(isSkipped)('gateway stop: it is not dialed again', async () => {
    const cluster = await start(makeMeans(), { gateways: 2 });
    const api = await cluster.gatewayClient();
    const { innerPort } = cluster.gateways[0] ?? { innerPort: 0 };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    await cluster.gateways[0]?.stop();
    const closed = ({ msg }: { msg?: unknown }): boolean => msg === 'inner link closed by the peer';
    // The connections of the worker and of the client.
    await eventually(() => cluster.log.filter(closed).length === 2);
    await eventually(() => cluster.workers[0]?.status().notReadyReasons.length === 0);
    const { accepted } = await listenAt(innerPort);
    // Longer than the longest pause between two attempts. A retry would arrive before the last connection.
    vi.advanceTimersByTime(2000);
    const last = await openTcpPeer(innerPort);
    onTestFinished(() => last.destroy());
    await eventually(() => accepted.length > 0);
    last.send('the last one');
    await eventually(() => accepted.some((socket) => socket.bytesRead === 'the last one'.length));
    expect(accepted).toHaveLength(1);
    expect(await api.getAllClientIdCount()).toBe(0);
  });

  test.skipIf(isSkipped)(
    'unavailable: traffic continues, processes started then join later',
    async () => {
      const means = makeMeans();
      const cluster = await start(means, { gateways: 2 });
      const client = await cluster.connect();
      const api = await cluster.gatewayClient();
      await means.stop(cluster);
      client.send('x');
      expect(await client.next()).toBe('x');
      // Processes that know the gateways keep using them.
      await eventually(() => cluster.workers[0]?.status().warnings.length === 1, {
        timeoutMs: 50_000,
      });
      const [id = ''] = await api.getAllClientIdList();
      expect(api.joinGroup(id, 'those who listen')).toBe(true);
      expect(api.sendToGroup('those who listen', 'to the group')).toBe(true);
      expect(api.sendToClient(id, 'to the client')).toBe(true);
      expect(await api.getClientIdListByGroup('those who listen')).toEqual([id]);
      expect([await client.next(), await client.next()]).toEqual(['to the group', 'to the client']);
      const starting = cluster.startGateway();
      await means.start(cluster);
      await starting;
      await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 1), {
        timeoutMs: 50_000,
      });
      client.send('y');
      expect(await client.next()).toBe('y');
      await eventually(async () => (await api.getAllClientIdCount()) === 1);
    },
  );

  test.skipIf(isSkipped)(
    'while it is away gateways and workers say so, and serve all the same',
    async () => {
      const means = makeMeans();
      const cluster = await start(means);
      const remarks = (kind: 'notReadyReasons' | 'warnings'): readonly string[] =>
        [...cluster.gateways, ...cluster.workers].flatMap((process) => process.status()[kind]);
      expect(remarks('warnings')).toEqual([]);
      await means.stop(cluster);
      await eventually(() => remarks('warnings').length === 2, { timeoutMs: 50_000 });
      expect(remarks('warnings')).toEqual([means.away, means.away]);
      expect(remarks('notReadyReasons')).toEqual([]);
      // Processes that no other has found yet cannot serve.
      const starting = [cluster.startGateway(), cluster.startWorker()];
      await eventually(
        () => remarks('notReadyReasons').filter((text) => text.startsWith(means.away)).length === 2,
      );
      await means.start(cluster);
      await Promise.all(starting);
      const isWell = (): boolean =>
        [...remarks('notReadyReasons'), ...remarks('warnings')].length === 0;
      await eventually(isWell, { timeoutMs: 50_000 });
    },
  );

  test.skipIf(isSkipped)('unreachable: connect rejects after connectTimeoutMs', async () => {
    const means = makeMeans();
    const cluster = await start(means);
    const { registerAddress } = cluster;
    await means.stop(cluster);
    onTestFinished(() => means.start(cluster));
    const connecting = GatewayClient.connect(
      { registerAddress, connectTimeoutMs: 300 },
      captureLogger().logger,
    );
    await expect(connecting).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
  });
});

test.skipIf(reason !== '')('etcd: clusters with different prefixes are separate', async () => {
  const [one, other] = [await start(store()), await start(store(), { gateways: 0, workers: 0 })];
  await one.connect();
  const api = await one.gatewayClient();
  expect(await api.getAllClientIdCount()).toBe(1);
  const stranger = await other.gatewayClient();
  await expect(stranger.getAllClientIdCount()).rejects.toMatchObject({
    code: 'GW_ERR_NOT_CONNECTED',
  });
});

/** Keys of a cluster in the etcd of this file; `deleterange` deletes them. */
async function keysBelow(prefix: string, call = 'range', body: object = {}): Promise<string[]> {
  const { port, pathname } = new URL(prefix.replace('etcd:', 'http:'));
  const [key, range_end] = [`${pathname}/`, `${pathname}0`].map((text) => btoa(text));
  const response = await fetch(`http://127.0.0.1:${port}/v3/kv/${call}`, {
    method: 'POST',
    body: JSON.stringify({ key, range_end, ...body }),
  });
  const { kvs = [] } = Object(await response.json());
  return kvs.map((entry: { key: string }) => atob(entry.key));
}

test.skipIf(reason !== '')(
  'etcd: a process puts its key again when it was deleted or overwritten',
  async () => {
    const means = store();
    const prefix = means.address ?? '';
    const cluster = await start(means);
    const client = await cluster.connect();
    const keys = await keysBelow(prefix);
    expect(keys).toHaveLength(2);

    await keysBelow(prefix, 'deleterange');
    await eventually(async () => (await keysBelow(prefix)).length === 2, { timeoutMs: 50_000 });
    expect(await keysBelow(prefix)).toEqual(keys);
    await eventually(() => cluster.gateways[0]?.workerCount === 1);
    client.send('x');
    expect(await client.next()).toBe('x');
    expect(client.isOpen).toBe(true);
    const api = await cluster.gatewayClient();
    expect(await api.getAllClientIdCount()).toBe(1);

    const puts = (): number => cluster.log.filter(({ msg }) => /put again/.test(`${msg}`)).length;
    expect(puts()).toBe(2);
    const [key = ''] = keys.filter((one) => one.includes('/gateways/'));
    await keysBelow(prefix, 'put', { key: btoa(key), range_end: undefined, value: btoa('x') });
    await eventually(() => puts() === 3, { timeoutMs: 50_000 });
    await cluster.startWorker();
    await eventually(() => cluster.gateways[0]?.workerCount === 2, { timeoutMs: 50_000 });
    client.send('y');
    expect(await client.next()).toBe('y');

    // The key still has the lease of the process.
    await cluster.gateways[0]?.stop();
    await eventually(async () => !(await keysBelow(prefix)).includes(key), { timeoutMs: 50_000 });
  },
);

test.skipIf(reason !== '')('etcd: a silent endpoint is replaced by another one', async () => {
  const { port } = new URL(etcd?.address.replace('etcd:', 'http:') ?? '');
  const network = await FaultProxy.start(Number(port));
  onTestFinished(() => network.stop());
  const registerAddress = `etcd://127.0.0.1:${network.port},127.0.0.1:${port}/silent`;
  const cluster = await roles({ events: echo, registerAddress });
  network.set({ isBlackHole: true });
  await cluster.startGateway();
  await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 1), {
    timeoutMs: 50_000,
  });
});
