import { PartialResultError } from '@gatewayworker/core';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { succeed } from './in-process-successor.ts';
import { ResumableClient } from './resumable-client.ts';
import { roles } from './roles.ts';

/** Time that no test waits for. */
const LONG_MS = 60_000;

const events = { onMessage: () => undefined };

/** Gateways and a caller with a lane, and a function that opens a client of the uid `anna`. */
async function start(gateways = 1, windowMs = 120_000) {
  const cluster = await roles({ gateways, events, gatewayOptions: { resume: { windowMs } } });
  const ports = cluster.gateways.map(({ port }) => port);
  const api = await cluster.gatewayClient();
  const open = async (gateway = 0): Promise<ResumableClient> => {
    const client = await ResumableClient.open(ports[gateway] ?? 0);
    api.bindUid(client.welcome.clientId, 'anna');
    await api.isUidOnline('anna');
    return client;
  };
  return { cluster, api, open, ports };
}

/** Drops a client, and waits until its gateway knows. */
async function park(api: GatewayClient, client: ResumableClient): Promise<void> {
  client.drop();
  await eventually(async () => (await api.getUidState('anna')).state === 'away');
}

test('receipts: each device answers, a raw client cannot', async () => {
  const { cluster, api, open } = await start(2);
  const first = await open(0);
  const second = await open(1);
  await cluster.connect(1);
  const rawId = await eventually(async () => {
    const ids = await api.getAllClientIdList();
    const known = [first.welcome.clientId, second.welcome.clientId];
    return ids.find((id) => !known.includes(id));
  });
  api.bindUid(rawId, 'anna');
  const sent = api.sendToUid('anna', 'hello', { receipt: 'handled', timeoutMs: LONG_MS });
  await first.confirm('hello', 'received');
  await first.confirm('hello', 'handled', 'Größe');
  await second.confirm('hello', 'handled');
  const { offline, devices } = await sent;
  expect(offline).toBe(false);
  const byId = new Map(devices.map((device) => [device.clientId, device]));
  expect(byId.size).toBe(3);
  const handled = { outcome: 'handled', ms: expect.any(Number) };
  expect(byId.get(first.welcome.clientId)).toMatchObject({ ...handled, value: 'Größe' });
  expect(byId.get(second.welcome.clientId)).toMatchObject({ ...handled, value: '' });
  expect(byId.get(rawId)).toMatchObject({ outcome: 'raw' });
  expect(cluster.gateways.map((gateway) => gateway.status().tables['receipts'])).toEqual([0, 0]);
});

test('receipts: to one client, and to none', async () => {
  const { api, open } = await start(2);
  const client = await open();
  const { clientId } = client.welcome;
  const sent = api.sendToClient(clientId, 'one', { receipt: 'received', timeoutMs: LONG_MS });
  await client.confirm('one', 'received');
  expect(await sent).toMatchObject({
    offline: false,
    devices: [{ clientId, outcome: 'received' }],
  });
  const options = { receipt: 'received', timeoutMs: LONG_MS } as const;
  const noReceiver = { offline: true, devices: [] };
  expect(await api.sendToUid('bob', 'x', options)).toEqual(noReceiver);
  expect(await api.sendToClient('no id', 'x', options)).toEqual(noReceiver);
  expect(await api.sendToClient('A'.repeat(20), 'x', options)).toEqual(noReceiver);
});

test('receipts: a client that does not answer in time is a timeout, or has received it', async () => {
  const { api, open } = await start();
  const [silent, half] = [await open(), await open()];
  const sent = api.sendToUid('anna', 'x', { receipt: 'handled', timeoutMs: 3000 });
  await half.confirm('x', 'received');
  const outcomes = (await sent).devices.map(({ clientId, outcome }) => [clientId, outcome]);
  expect(new Map(outcomes as [string, string][])).toEqual(
    new Map([
      [silent.welcome.clientId, 'timeout'],
      [half.welcome.clientId, 'received'],
    ]),
  );
});

test('receipts: forged, repeated and late ones are ignored', async () => {
  const { api, open } = await start();
  const [client, other] = [await open(), await open()];
  const { clientId } = client.welcome;
  const options = { receipt: 'received', timeoutMs: LONG_MS } as const;
  let isDone = false;
  const sent = api.sendToClient(clientId, 'x', options).finally(() => {
    isDone = true;
  });
  const receipt = await eventually(() => client.receipts.get('x'));
  for (let number = receipt - 3; number < receipt + 3; number += 1) {
    other.sendFrame({ op: 'received', receipt: number, state: 'handled', value: 'forged' });
  }
  other.sendFrame({ op: 'received', receipt: 2 ** 53 - 1, state: 'handled', value: '' });
  await other.socket.ping();
  await api.isOnline(clientId);
  expect(isDone).toBe(false);
  await client.confirm('x', 'handled', 'mine');
  await client.confirm('x', 'handled', 'again');
  expect((await sent).devices).toMatchObject([{ clientId, outcome: 'handled', value: 'mine' }]);
  expect([client.socket.isOpen, other.socket.isOpen]).toEqual([true, true]);
  client.sendFrame({ op: 'received', receipt, state: 'handled', value: 'x'.repeat(1025) });
  expect(await client.socket.ended).toMatchObject({ code: 1002 });
});

test('receipts: a parked client is away, unless it comes back in time', async () => {
  const { api, open, ports } = await start();
  const client = await open();
  const { clientId } = client.welcome;
  await park(api, client);
  const away = await api.sendToUid('anna', 'one', { receipt: 'received', timeoutMs: 100 });
  expect(away).toMatchObject({ offline: false, devices: [{ clientId, outcome: 'away' }] });
  const sent = api.sendToUid('anna', 'two', { receipt: 'received', timeoutMs: LONG_MS });
  const back = await ResumableClient.resume(ports[0] ?? 0, client);
  await back.confirm('two', 'received');
  expect((await sent).devices).toMatchObject([{ clientId, outcome: 'received' }]);
  // The caller has stopped waiting for the first one.
  expect([back.texts, [...back.receipts.keys()]]).toEqual([['one', 'two'], ['two']]);
});

test('receipts: a client that was sent the message resumes and answers', async () => {
  const { api, open, ports } = await start();
  const client = await open();
  const sent = api.sendToUid('anna', 'x', { receipt: 'handled', timeoutMs: LONG_MS });
  await client.confirm('x', 'received');
  await client.socket.ping();
  await park(api, client);
  const back = await ResumableClient.resume(ports[0] ?? 0, client);
  expect(back.texts).toEqual([]);
  const receipt = client.receipts.get('x') ?? 0;
  back.sendFrame({ op: 'received', receipt, state: 'handled', value: '' });
  expect((await sent).devices).toMatchObject([{ outcome: 'handled' }]);
});

test('receipts: a client that resumes at another gateway answers there', async () => {
  const { api, open, ports } = await start(2);
  const client = await open(0);
  const other = await open(1);
  const { clientId } = client.welcome;
  client.drop();
  await eventually(async () => (await api.getClientIdByUid('anna')).length === 1);
  const sent = api.sendToUid('anna', 'x', { receipt: 'received', timeoutMs: LONG_MS });
  await other.confirm('x', 'received');
  const back = await ResumableClient.resume(ports[1] ?? 0, client);
  await back.confirm('x', 'received', 'there');
  const { devices } = await sent;
  expect(devices).toHaveLength(2);
  expect(devices).toContainEqual({
    ...{ clientId, outcome: 'received', value: 'there' },
    ms: expect.any(Number),
  });
});

test('receipts: a client that ends is dropped', async () => {
  const { api, open } = await start(1, 1000);
  const [leaving, expiring, closed] = [await open(), await open(), await open()];
  const sent = api.sendToUid('anna', 'x', { receipt: 'received', timeoutMs: LONG_MS });
  await Promise.all(
    [leaving, expiring, closed].map((one) => eventually(() => one.receipts.get('x'))),
  );
  leaving.sendFrame({ op: 'bye' });
  expiring.drop();
  api.closeClient(closed.welcome.clientId);
  const { devices } = await sent;
  expect(devices.map(({ outcome }) => outcome)).toEqual(['dropped', 'dropped', 'dropped']);
});

test('receipts: with any, the first receipt is enough', async () => {
  const { cluster, api, open } = await start(2);
  const first = await open(0);
  await open(1);
  const options = { receipt: 'received', timeoutMs: LONG_MS, any: true } as const;
  const sent = api.sendToUid('anna', 'x', options);
  await first.confirm('x', 'received');
  const { clientId } = first.welcome;
  expect(await sent).toMatchObject({
    offline: false,
    devices: [{ clientId, outcome: 'received' }],
  });
  expect(cluster.gateways[0]?.status().tables['receipts']).toBe(0);
});

test('receipts: the clients of a gateway that stops answer elsewhere', async () => {
  const { cluster, api, open, ports } = await start(2);
  const client = await open(0);
  await park(api, client);
  const sent = api.sendToUid('anna', 'x', { receipt: 'received', timeoutMs: LONG_MS });
  await api.getUidState('anna');
  await cluster.gateways[0]?.stop();
  const back = await ResumableClient.resume(ports[1] ?? 0, client);
  await back.confirm('x', 'received');
  expect((await sent).devices).toMatchObject([{ outcome: 'received' }]);
});

test('receipts: the successor of a gateway collects them', async () => {
  const { cluster, api, open } = await start();
  const client = await open();
  await park(api, client);
  const sent = api.sendToUid('anna', 'x', { receipt: 'received', timeoutMs: LONG_MS });
  await api.getUidState('anna');
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  await cluster.gateways[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 5000 });
  const back = await ResumableClient.resume(successor.port, client);
  await back.confirm('x', 'received');
  expect((await sent).devices).toMatchObject([{ outcome: 'received' }]);
});

test('receipts: an adopted lane replays its message without a receipt', async () => {
  const { cluster, api, open, ports } = await start();
  const client = await open();
  const ending = await cluster.gatewayClient();
  await park(ending, client);
  const options = { receipt: 'received', timeoutMs: LONG_MS } as const;
  // Both messages have the first offset of their lanes.
  const sent = api.sendToUid('anna', 'own', options);
  const lost = expect(ending.sendToUid('anna', 'adopted', options)).rejects.toMatchObject({
    code: 'GW_ERR_LINK_CLOSED',
  });
  // A worker would get the lane.
  await cluster.workers[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 5000 });
  await ending.close();
  await lost;
  await cluster.startWorker();
  const back = await ResumableClient.resume(ports[0] ?? 0, client);
  await back.confirm('own', 'received');
  expect((await sent).devices).toMatchObject([{ outcome: 'received' }]);
  await eventually(() => back.texts.length === 2);
  expect(back.texts.toSorted()).toEqual(['adopted', 'own']);
  expect([...back.receipts.keys()]).toEqual(['own']);
});

test('receipts: without a gateway, or after the end of the caller, a send rejects', async () => {
  const { cluster, api, open } = await start();
  await open();
  const options = { receipt: 'received', timeoutMs: LONG_MS } as const;
  const ended = await cluster.gatewayClient();
  const sent = expect(ended.sendToUid('anna', 'x', options)).rejects.toMatchObject({
    code: 'GW_ERR_LINK_CLOSED',
  });
  await ended.close();
  await sent;
  await eventually(() => cluster.gateways[0]?.status().tables['receipts'] === 0);
  const lost = api.sendToUid('anna', 'x', { ...options, timeoutMs: 100 });
  await cluster.gateways[0]?.stop();
  await lost.catch((error: unknown) => expect(error).toBeInstanceOf(PartialResultError));
  await eventually(async () => {
    const error: unknown = await api.sendToUid('anna', 'x', options).catch((thrown) => thrown);
    return error instanceof Error && Reflect.get(error, 'code') === 'GW_ERR_NOT_CONNECTED';
  });
});
