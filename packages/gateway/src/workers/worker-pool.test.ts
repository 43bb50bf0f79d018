import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { WorkerLink } from './worker-link.ts';
import { WorkerPool } from './worker-pool.ts';
import { LeastConnectionsRouter } from './worker-router.ts';

const somebody = { remoteAddress: '::1', remotePort: 1, request: undefined };

/** A worker whose link leads nowhere. */
function createWorker(id: number): WorkerLink {
  return new WorkerLink(new FrameConnection(new Socket(), new FlushScheduler()), {
    type: 'hello',
    version: 1,
    role: 'worker',
    instanceId: `instance-${id}`,
    name: 'worker',
    id,
    nonce: Buffer.alloc(32),
  });
}

test('has nobody to choose while no worker is there', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  expect(pool.size).toBe(0);
  expect(pool.choose(somebody)).toBeUndefined();
});

test('keeps its workers in the order in which they came', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  const workers = [createWorker(0), createWorker(1)];
  for (const worker of workers) pool.add(worker);
  expect(pool.links).toEqual(workers);
  expect(pool.size).toBe(2);
});

test('never chooses a worker that is gone', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  const [gone, stays] = [createWorker(0), createWorker(1)];
  pool.add(gone);
  pool.add(stays);
  pool.remove(gone);
  pool.remove(gone);
  for (let i = 0; i < 5; i++) expect(pool.choose(somebody)).toBe(stays);
  pool.remove(stays);
  expect(pool.choose(somebody)).toBeUndefined();
});

test('lets a walk over its workers go on while one is removed', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  const workers = [createWorker(0), createWorker(1), createWorker(2)];
  for (const worker of workers) pool.add(worker);
  const seen: number[] = [];
  for (const worker of pool.links) {
    seen.push(worker.id);
    pool.remove(worker);
  }
  expect(seen).toEqual([0, 1, 2]);
});

test('asks its router', () => {
  const workers = [createWorker(0), createWorker(1)];
  const pool = new WorkerPool({ choose: (links) => links.at(-1) });
  for (const worker of workers) pool.add(worker);
  expect(pool.choose(somebody)).toBe(workers[1]);
});

test('a router cannot take workers out of the pool', () => {
  const pool = new WorkerPool({
    choose: (links) => {
      Reflect.apply(Array.prototype.pop, links, []);
      return undefined;
    },
  });
  expect(() => pool.choose(somebody)).toThrow(TypeError);
  pool.add(createWorker(0));
  pool.add(createWorker(1));
  expect(() => pool.choose(somebody)).toThrow(TypeError);
  const [first] = pool.links;
  if (first !== undefined) pool.remove(first);
  expect(() => pool.choose(somebody)).toThrow(TypeError);
  expect(pool.size).toBe(1);
});
