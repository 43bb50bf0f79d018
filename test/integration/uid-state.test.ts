import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { succeed } from './in-process-successor.ts';
import { ResumableClient } from './resumable-client.ts';
import { roles } from './roles.ts';

const offline = { state: 'offline', lastSeen: undefined };
const online = { state: 'online', lastSeen: undefined };

test('getUidState: a raw client is online, then offline since it has closed', async () => {
  const cluster = await roles({ gateways: 2, events: { onMessage: () => undefined } });
  const api = await cluster.gatewayClient();
  expect(await api.getUidState('anna')).toEqual(offline);
  const clients = [await cluster.connect(0), await cluster.connect(1)];
  const ids = await eventually(async () => {
    const list = await api.getAllClientIdList();
    return list.length === 2 ? list : undefined;
  });
  for (const id of ids) api.bindUid(id, 'anna');
  expect(await api.getUidState('anna')).toEqual(online);
  clients[0]?.terminate();
  await eventually(async () => (await api.getAllClientIdCount()) === 1);
  expect(await api.getUidState('anna')).toEqual(online);
  const before = Date.now();
  clients[1]?.terminate();
  await eventually(async () => (await api.getAllClientIdCount()) === 0);
  const { state, lastSeen } = await api.getUidState('anna');
  expect(state).toBe('offline');
  expect(lastSeen?.getTime()).toBeGreaterThanOrEqual(before - 1);
  expect(lastSeen?.getTime()).toBeLessThanOrEqual(Date.now());
});

test('getUidState: another uid of the same client ends the connection of the first', async () => {
  const cluster = await roles({ events: { onMessage: () => undefined } });
  const api = await cluster.gatewayClient();
  await cluster.connect();
  const id = await eventually(async () => (await api.getAllClientIdList())[0]);
  api.bindUid(id, 'anna');
  api.bindUid(id, 'bob');
  const states = await api.getUidStates(['anna', 'bob', 7]);
  expect(states.get('anna')).toEqual({ state: 'offline', lastSeen: expect.any(Date) });
  expect(states.get('bob')).toEqual(online);
  expect(states.get('7')).toEqual(offline);
});

test('getUidState: a parked client is away, and offline when its window is over', async () => {
  const events: string[] = [];
  const cluster = await roles({
    gatewayOptions: { resume: { windowMs: 1000 } },
    events: {
      onDrop: () => void events.push('drop'),
      onClose: () => void events.push('close'),
    },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  api.bindUid(client.welcome.clientId, 'anna');
  expect(await api.getUidState('anna')).toEqual(online);
  client.drop();
  await eventually(() => events.length === 1);
  const away = await api.getUidState('anna');
  expect(away).toEqual({ state: 'away', lastSeen: expect.any(Date) });
  const back = await ResumableClient.resume(port, client);
  expect(await api.getUidState('anna')).toEqual(online);
  back.drop();
  await eventually(() => events.length === 2);
  await eventually(() => events.includes('close'));
  const closedAt = Date.now();
  const gone = await api.getUidState('anna');
  const answeredMs = Date.now() - closedAt;
  expect(gone.state).toBe('offline');
  // The end of the connection counts, not that of the window of 1,000 ms.
  expect(gone.lastSeen?.getTime()).toBeLessThan(closedAt - 900 + answeredMs);
});

test('getUidState: the successor of a gateway knows when uids were connected', async () => {
  const cluster = await roles({ events: { onMessage: () => undefined } });
  const api = await cluster.gatewayClient();
  const client = await cluster.connect();
  const id = await eventually(async () => (await api.getAllClientIdList())[0]);
  api.bindUid(id, 'anna');
  await api.isUidOnline('anna');
  client.terminate();
  await eventually(async () => (await api.getAllClientIdCount()) === 0);
  const closedAt = Date.now();
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  await started;
  await cluster.gateways[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 5000 });
  const stoppedAt = Date.now();
  const { state, lastSeen } = await api.getUidState('anna');
  expect(state).toBe('offline');
  // The answer, and the way of the entry to the successor, take a moment.
  expect(lastSeen?.getTime()).toBeLessThan(closedAt + (Date.now() - stoppedAt) + 1000);
});
