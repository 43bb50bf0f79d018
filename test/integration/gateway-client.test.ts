import { eventually, FaultProxy, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

const events = { onConnect: () => undefined };

test('queries: 500 at a time on one link, each gets its own answer', async () => {
  const cluster = await roles({ events, gateways: 2 });
  const api = await cluster.gatewayClient();
  await cluster.connect(0);
  await cluster.connect(1);
  await eventually(async () => (await api.getAllClientIdCount()) === 2);
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      index % 2 === 0 ? api.getAllClientIdCount() : api.getClientIdCountByGroup(`g${index}`),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? 2 : 0)));
});

test('calls: none opens a connection', async () => {
  const cluster = await roles({ events, gateways: 2 });
  const api = await cluster.gatewayClient();
  await cluster.connect(0);
  const [id = ''] = await eventually(async () => {
    const ids = await api.getAllClientIdList();
    return ids.length === 1 && ids;
  });
  const connections = () => cluster.gateways.map((gateway) => gateway.status().connections);
  const before = connections();
  const during = new Set<string>();
  for (let round = 0; round < 100; round += 1) {
    const answers = [api.getAllClientSessions(), api.isOnline(id), api.getAllGroupIdList()];
    api.sendToAll('x');
    api.updateSession(id, { round });
    await Promise.all(answers);
    during.add(connections().join());
  }
  expect([...during]).toEqual([before.join()]);
});

test('queries: fail at once when no gateway is linked', async () => {
  const cluster = await roles({ events, gateways: 0, workers: 0 });
  const api = await cluster.gatewayClient();
  await expect(api.getAllClientIdCount()).rejects.toMatchObject({ code: 'GW_ERR_NOT_CONNECTED' });
  expect(api.sendToAll('x')).toBe(false);
});

test('connect: rejects after connectTimeoutMs when no register answers', async () => {
  const cluster = await roles({ events });
  await cluster.stopRegister();
  await expect(cluster.gatewayClient({ connectTimeoutMs: 200 })).rejects.toMatchObject({
    code: 'GW_ERR_CONNECT_TIMEOUT',
    message: expect.stringMatching(/^no register at .* answered within 200 ms: .*ECONNREFUSED/),
    cause: expect.any(Error),
  });
});

test('queries: a hung gateway is named as missing, the others answer', async () => {
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const ids: string[] = [];
  const hanging = { startPort: proxy.port, innerListen: `127.0.0.1:${innerPort}` };
  const cluster = await roles({
    events: { onConnect: (id) => void ids.push(id) },
    gateways: 2,
    gatewayOptions: (gatewayId) => (gatewayId === 0 ? hanging : {}),
  });
  await cluster.connect(0);
  await eventually(() => ids.length === 1);
  await cluster.connect(1);
  await eventually(() => ids.length === 2);
  proxy.set({ isBlackHole: true });
  const api = await cluster.gatewayClient({ connectTimeoutMs: 300, queryTimeoutMs: 500 });
  const [hidden = '', reached = ''] = ids;
  expect(await api.isOnline(reached)).toBe(true);
  const missing = [`127.0.0.1:${proxy.port}`];
  const rejected = await Promise.allSettled([
    api.isOnline(hidden),
    api.getSession(hidden),
    api.getUidByClientId(hidden),
    api.getAllClientIdCount(),
  ]);
  expect(rejected).toMatchObject([
    ...[0, 1, 2].map(() => ({ reason: { missing } })),
    { reason: { missing, partial: 1 } },
  ]);
});

test('queries: those beyond the room of a link fail alone, the link stays', async () => {
  const cluster = await roles({ events });
  const api = await cluster.gatewayClient({ sendToGatewayBufferSize: 1_000_000 });
  const uids = Array.from({ length: 15 }, (_, index) => String(index).padStart(65_000, 'x'));
  const asked = await Promise.allSettled(Array.from({ length: 80 }, () => api.isUidsOnline(uids)));
  const full = asked.filter(({ status }) => status === 'rejected');
  expect(full.length).toBeGreaterThan(70);
  for (const failure of full) {
    expect(failure).toMatchObject({ reason: { cause: { code: 'GW_ERR_LINK_FULL' } } });
  }
  expect(asked[0]).toMatchObject({ status: 'fulfilled' });
  expect(await api.getAllClientIdCount()).toBe(0);
  expect(cluster.log.filter(({ msg }) => msg === 'inner link lost')).toEqual([]);
});

test('queries: an answer of 40 MB arrives whole and does not delay others', async () => {
  const ids: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
  const api = await cluster.gatewayClient({ queryTimeoutMs: 50_000 });
  for (let index = 0; index < 40; index += 1) await cluster.connect();
  await eventually(() => ids.length === 40);
  for (const id of ids) {
    api.setSession(id, { id, data: 'x'.repeat(1_048_000) });
    // Waits until the gateway has it: a link has room for 16 MB only.
    expect(await api.isOnline(id)).toBe(true);
  }
  const order: string[] = [];
  const [sessions] = await Promise.all([
    api.getAllClientSessions().finally(() => order.push('sessions')),
    api.getAllClientIdCount().finally(() => order.push('count')),
  ]);
  expect(order).toEqual(['count', 'sessions']);
  expect([...sessions.keys()].sort()).toEqual(ids.sort());
  for (const [id, session] of sessions) expect(session?.['id']).toBe(id);
  expect(cluster.log.filter(({ msg }) => msg === 'inner link lost')).toEqual([]);
});
