import { withoutAddresses } from '@gatewayworker/core';
import { eventually, freePorts } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

test('a gateway without any worker says so, and no more once one is linked', async () => {
  const cluster = await roles({ events: {}, workers: 0 });
  const [gateway] = cluster.gateways;
  expect(gateway?.status().notReadyReasons).toEqual(['no business worker is linked']);
  const worker = await cluster.startWorker();
  expect(gateway?.status().notReadyReasons).toEqual([]);
  expect(worker.status().notReadyReasons).toEqual([]);
  await worker.stop();
  await eventually(() => gateway?.status().notReadyReasons.length === 1);
});

test('a gateway with routes names each that has no worker', async () => {
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

test('notReadyReasons: a worker that cannot reach a gateway says which one and why', async () => {
  const [inner = 0, , announced = 0] = await freePorts(4);
  const cluster = await roles({
    events: {},
    gatewayOptions: (id) =>
      // What is announced is not where it listens.
      id === 1 ? { startPort: announced, innerListen: `127.0.0.1:${inner}`, count: 1 } : {},
  });
  const notReadyReasons = (): readonly string[] =>
    cluster.workers[0]?.status().notReadyReasons ?? [];
  expect(notReadyReasons()).toEqual([]);
  // Its number is 1, which it adds to both ports.
  await cluster.startGateway();
  await eventually(() => notReadyReasons()[0]?.includes(': ') === true);
  const address = `127.0.0.1:${announced + 1}`;
  expect(notReadyReasons()).toEqual([
    `it is not linked to 1 of 2 gateways: the gateway at ${address} cannot be reached (ECONNREFUSED)`,
  ]);
  // Probes over HTTP get no addresses.
  expect(notReadyReasons().map(withoutAddresses)).toEqual(['it is not linked to 1 of 2 gateways']);
  await cluster.gateways[1]?.stop();
  await eventually(() => notReadyReasons().length === 0);
});
