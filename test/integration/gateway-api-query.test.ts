import { eventually, FaultProxy, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

test('every query answers for the whole cluster', async () => {
  const ids: string[] = [];
  const cluster = await roles({
    events: { onConnect: (id) => void ids.push(id) },
    gateways: 2,
    workers: 2,
  });
  await cluster.connect(0);
  await eventually(() => ids.length === 1);
  await cluster.connect(1);
  await eventually(() => ids.length === 2);
  const [a = '', b = ''] = ids;
  const api = await cluster.gatewayClient();
  api.bindUid(a, 'u');
  api.bindUid(b, 'u');
  api.joinGroup(a, 'g');
  api.joinGroup(b, 'g');
  api.joinGroup(b, 'other');
  api.setSession(a, { name: 'Tom' });

  expect(await api.isOnline(a)).toBe(true);
  expect(await api.isUidOnline('u')).toBe(true);
  expect(await api.isUidOnline('nobody')).toBe(false);
  expect((await api.getClientIdByUid('u')).sort()).toEqual([a, b].sort());
  expect(await api.getClientIdByUid('nobody')).toEqual([]);
  expect(await api.getUidByClientId(a)).toBe('u');
  api.unbindUid(a);
  expect(await api.getUidByClientId(a)).toBeNull();
  expect((await api.getClientIdListByGroup('g')).sort()).toEqual([a, b].sort());
  expect(await api.getClientIdCountByGroup('g')).toBe(2);
  expect(await api.getClientIdCountByGroup('nothing')).toBe(0);
  expect(await api.getAllClientIdCount()).toBe(2);
  expect((await api.getAllClientIdList()).sort()).toEqual([a, b].sort());
  expect(await api.getAllClientSessions()).toEqual(
    new Map([
      [a, { name: 'Tom' }],
      [b, undefined],
    ]),
  );
  expect(await api.getClientSessionsByGroup('other')).toEqual(new Map([[b, undefined]]));
  expect(await api.getSession(a)).toEqual({ name: 'Tom' });
  expect(await api.getSession(b)).toBeUndefined();
});

test('clients that are unknown, malformed or gone are offline', async () => {
  const ids: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
  const client = await cluster.connect();
  await eventually(() => ids.length === 1);
  await client.close();
  const api = await cluster.gatewayClient();
  await eventually(async () => (await api.getAllClientIdCount()) === 0);
  for (const id of [ids[0] ?? '', 'A'.repeat(20), 'short']) {
    expect(await api.isOnline(id)).toBe(false);
    expect(await api.getUidByClientId(id)).toBeNull();
    expect(await api.getSession(id)).toBeNull();
  }
});

test('a caller sees its own earlier commands in every query', async () => {
  const ids: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) }, gateways: 2 });
  await cluster.connect(1);
  const id = await eventually(() => ids[0]);
  const api = await cluster.gatewayClient();
  for (let round = 0; round < 50; round += 1) {
    api.joinGroup(id, `g${round}`);
    expect(await api.getClientIdListByGroup(`g${round}`)).toEqual([id]);
    api.leaveGroup(id, `g${round}`);
    expect(await api.getClientIdCountByGroup(`g${round}`)).toBe(0);
  }
});

test('many queries share one link and each gets its own answer', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined }, gateways: 2 });
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

test('no call opens a connection', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined }, gateways: 2 });
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

test('wrong arguments throw at the call, before anything is sent', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined } });
  const api = await cluster.gatewayClient();
  const call = (method: string, ...given: unknown[]): unknown =>
    Reflect.apply(Reflect.get(api, method), api, given);
  expect(() => call('sendToAll', { not: 'a payload' })).toThrow(TypeError);
  expect(() => call('sendToClient', '', 'x')).toThrow(/clientId/);
  expect(() => call('sendToClient', 12, 'x')).toThrow(TypeError);
  expect(() => call('sendToUid', '', 'x')).toThrow(/uid/);
  expect(() => call('sendToUid', Number.NaN, 'x')).toThrow(/uid/);
  expect(() => call('sendToGroup', ['g', ''], 'x')).toThrow(/group/);
  expect(() => call('bindUid', 'A'.repeat(20), null)).toThrow(/uid/);
  expect(() => call('setSession', 'A'.repeat(20), 'text')).toThrow(/session/);
  expect(() => call('setSession', 'A'.repeat(20), [1])).toThrow(TypeError);
  expect(() => call('closeClient', 'A'.repeat(20), 'x', { code: 1006 })).toThrow(RangeError);
  expect(() => call('closeClient', 'A'.repeat(20), 'x', { reason: 'x'.repeat(124) })).toThrow(
    RangeError,
  );
  expect(() => call('isUidOnline', '')).toThrow(TypeError);
  expect(() => call('isOnline', undefined)).toThrow(TypeError);
});

test('a query fails at once when no gateway is linked', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined }, gateways: 0, workers: 0 });
  const api = await cluster.gatewayClient();
  await expect(api.getAllClientIdCount()).rejects.toMatchObject({ code: 'GW_ERR_NOT_CONNECTED' });
  expect(api.sendToAll('x')).toBe(false);
});

test('connect rejects in time when no register answers', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined } });
  await cluster.stopRegister();
  await expect(cluster.gatewayClient({ connectTimeoutMs: 200 })).rejects.toMatchObject({
    code: 'GW_ERR_CONNECT_TIMEOUT',
    message: expect.stringMatching(/^no register at .* answered within 200 ms: .*ECONNREFUSED/),
    cause: expect.any(Error),
  });
});

test('a gateway that hangs keeps nobody from the others, and its clients are not taken for offline', async () => {
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
  await expect(api.isOnline(hidden)).rejects.toMatchObject({ missing });
  await expect(api.getSession(hidden)).rejects.toMatchObject({ missing });
  await expect(api.getUidByClientId(hidden)).rejects.toMatchObject({ missing });
  await expect(api.getAllClientIdCount()).rejects.toMatchObject({ missing, partial: 1 });
});

test('more questions than a link has room for fail alone, and the link goes on', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined } });
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

test('an answer of any length comes whole, and holds nothing else up', async () => {
  const ids: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
  const api = await cluster.gatewayClient({ queryTimeoutMs: 50_000 });
  for (let index = 0; index < 40; index += 1) await cluster.connect();
  await eventually(() => ids.length === 40);
  for (const id of ids) {
    api.setSession(id, { id, data: 'x'.repeat(1_048_000) });
    // Waits until the gateway has it: a link takes only so much at once.
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
