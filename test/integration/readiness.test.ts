import { withoutAddresses } from '@gatewayworker/core';
import { eventually, freePorts } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

test('notReadyReasons: a gateway is not ready until a worker is linked', async () => {
  const cluster = await roles({ events: {}, workers: 0 });
  const [gateway] = cluster.gateways;
  expect(gateway?.status().notReadyReasons).toEqual(['no business worker is linked']);
  const worker = await cluster.startWorker();
  expect(gateway?.status().notReadyReasons).toEqual([]);
  expect(worker.status().notReadyReasons).toEqual([]);
  await worker.stop();
  await eventually(() => gateway?.status().notReadyReasons.length === 1);
});

test('notReadyReasons: a gateway names each route without a worker', async () => {
  const cluster = await roles({
    events: {},
    workerOptions: (id) => ({ name: ['game-worker', 'stranger', 'chat-worker'][id] ?? '' }),
    gatewayOptions: {
      routes: { '/chat': 'chat-worker', '/talk': 'chat-worker', '/game': 'game-worker' },
    },
    workers: 0,
  });
  const notReadyReasons = (): unknown => cluster.gateways[0]?.status().notReadyReasons;
  expect(notReadyReasons()).toEqual([
    'no worker "chat-worker" is linked',
    'no worker "game-worker" is linked',
  ]);
  await cluster.startWorker();
  await cluster.startWorker();
  expect(notReadyReasons()).toEqual(['no worker "chat-worker" is linked']);
  await cluster.startWorker();
  expect(notReadyReasons()).toEqual([]);
});

test('notReadyReasons: a worker names a gateway that it cannot reach, and why', async () => {
  const [inner = 0, , announced = 0] = await freePorts(4);
  const cluster = await roles({
    events: {},
    gatewayOptions: (id) =>
      // It announces another address than it listens on.
      id === 1 ? { startPort: announced, innerListen: `127.0.0.1:${inner}`, count: 1 } : {},
  });
  const notReadyReasons = (): readonly string[] =>
    cluster.workers[0]?.status().notReadyReasons ?? [];
  expect(notReadyReasons()).toEqual([]);
  // It adds its id, 1, to both ports.
  await cluster.startGateway();
  await eventually(() => notReadyReasons()[0]?.includes(': ') === true);
  const address = `127.0.0.1:${announced + 1}`;
  expect(notReadyReasons()).toEqual([
    `it is not linked to 1 of 2 gateways: the gateway at ${address} cannot be reached (ECONNREFUSED)`,
  ]);
  // HTTP probes get no addresses.
  expect(notReadyReasons().map(withoutAddresses)).toEqual(['it is not linked to 1 of 2 gateways']);
  await cluster.gateways[1]?.stop();
  await eventually(() => notReadyReasons().length === 0);
});
