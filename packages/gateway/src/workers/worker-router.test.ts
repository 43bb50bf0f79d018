import { Socket } from 'node:net';
import { createLogger, FlushScheduler, FrameConnection, ThrottledLog } from '@gatewayworker/core';
import { captureLogger } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { ClientConnection } from '../clients/client-connection.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { WorkerLink } from './worker-link.ts';
import { createRouter, LeastConnectionsRouter } from './worker-router.ts';

function createClient(connection: number): ClientConnection {
  return new ClientConnection({ connection, nonceHigh: 0, nonceLow: 0 }, silentSocket);
}

/** A worker with this many clients and an unconnected link. */
function createWorker(id: number, clientCount: number): WorkerLink {
  const worker = new WorkerLink(new FrameConnection(new Socket(), new FlushScheduler()), {
    type: 'hello',
    version: 1,
    role: 'worker',
    instanceId: `instance-${id}`,
    name: 'worker',
    id,
    nonce: Buffer.alloc(32),
  });
  for (let i = 0; i < clientCount; i++) worker.clients.add(createClient(i));
  return worker;
}

test('leastConnections: chooses no worker of an empty list', () => {
  expect(new LeastConnectionsRouter().choose([])).toBeUndefined();
});

test('leastConnections: chooses the worker with the fewest clients', () => {
  for (const counts of [
    [1, 5, 9],
    [5, 1, 9],
    [9, 5, 1],
  ]) {
    const router = new LeastConnectionsRouter();
    const workers = counts.map((count, id) => createWorker(id, count));
    for (let i = 0; i < 6; i++) expect(router.choose(workers)?.clients.size).toBe(1);
  }
});

test('leastConnections: workers with the same number take turns', () => {
  const router = new LeastConnectionsRouter();
  const workers = [createWorker(0, 2), createWorker(1, 2), createWorker(2, 2)];
  const chosen = Array.from({ length: 6 }, () => router.choose(workers)?.id);
  expect(new Set(chosen.slice(0, 3)).size).toBe(3);
  expect(chosen.slice(3)).toEqual(chosen.slice(0, 3));
});

test('leastConnections: levels workers with different numbers', () => {
  const router = new LeastConnectionsRouter();
  const workers = [createWorker(0, 10), createWorker(1, 0), createWorker(2, 3)];
  for (let i = 0; i < 287; i++) router.choose(workers)?.clients.add(createClient(1000 + i));
  expect(workers.map((worker) => worker.clients.size)).toEqual([100, 100, 100]);
});

test('leastConnections: works after workers are removed', () => {
  const router = new LeastConnectionsRouter();
  const workers = [createWorker(0, 0), createWorker(1, 0), createWorker(2, 0)];
  router.choose(workers);
  router.choose(workers);
  for (let i = 0; i < 3; i++) expect(router.choose(workers.slice(0, 1))).toBe(workers[0]);
});

const client = { remoteAddress: '10.0.0.9', remotePort: 1, request: undefined };
const log = new ThrottledLog(createLogger({ stdout: false }));

test('random: chooses every worker sometimes', () => {
  const router = createRouter('random', log);
  const workers = [createWorker(0, 0), createWorker(1, 99)];
  const chosen = Array.from({ length: 200 }, () => router.choose(workers, client)?.id);
  expect(new Set(chosen)).toEqual(new Set([0, 1]));
  expect(router.choose([], client)).toBeUndefined();
});

test('roundRobin: chooses the workers in turn', () => {
  const router = createRouter('roundRobin', log);
  const workers = [createWorker(0, 0), createWorker(1, 99), createWorker(2, 5)];
  const chosen = Array.from({ length: 7 }, () => router.choose(workers, client)?.id);
  expect(chosen).toEqual([0, 1, 2, 0, 1, 2, 0]);
  expect(router.choose([], client)).toBeUndefined();
});

test('router function: chooses by workers and client', () => {
  const router = createRouter((workers, { remoteAddress }) => {
    const [first, second] = workers;
    const choice = remoteAddress === '10.0.0.9' ? second : first;
    if (choice === undefined) throw new Error('no worker');
    return choice;
  }, log);
  const workers = [createWorker(0, 0), createWorker(1, 99)];
  expect(router.choose(workers, client)?.id).toBe(1);
  expect(router.choose(workers, { ...client, remoteAddress: '10.0.0.1' })?.id).toBe(0);
  expect(router.choose([], client)).toBeUndefined();
});

test('router function: falls back when it throws or returns an unknown worker', () => {
  const unknown = createWorker(7, 0);
  const workers = [createWorker(0, 5), createWorker(1, 1)];
  const failing = createRouter(() => {
    throw new Error('no idea');
  }, log);
  expect(failing.choose(workers, client)?.id).toBe(1);
  expect(createRouter(() => unknown, log).choose(workers, client)?.id).toBe(1);
});

test('router function: falls back for a promise, and logs it once', () => {
  const { logger, lines } = captureLogger();
  const workers = [createWorker(0, 5), createWorker(1, 1)];
  const router = createRouter(
    () => Promise.reject(new Error('later')) as never,
    new ThrottledLog(logger),
  );
  for (let round = 0; round < 3; round += 1) expect(router.choose(workers, client)?.id).toBe(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]?.['msg']).toMatch(/returned a promise/);
});

test('router function: logs repeated exceptions at most once a second', () => {
  const { logger, lines } = captureLogger();
  const throttled = new ThrottledLog(logger);
  const fail = (): never => {
    throw new Error('no idea');
  };
  const router = createRouter(fail, throttled);
  const workers = [createWorker(0, 0)];
  for (let i = 0; i < 300; i += 1) router.choose(workers, client);
  expect(lines).toMatchObject([{ err: { message: 'no idea' }, msg: 'the router function failed' }]);
  throttled.close();
  expect(lines[1]).toMatchObject({ err: { message: 'no idea' }, leftOut: 298 });
});
