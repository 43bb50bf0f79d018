import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { WorkerLink } from './worker-link.ts';
import { WorkerPool } from './worker-pool.ts';
import { LeastConnectionsRouter } from './worker-router.ts';

const client = { remoteAddress: '::1', remotePort: 1, request: undefined };

/** A worker with an unconnected link. */
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

test('worker pool: an empty pool chooses no worker', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  expect(pool.size).toBe(0);
  expect(pool.choose(client)).toBeUndefined();
});

test('worker pool: keeps the order of its workers', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  const workers = [createWorker(0), createWorker(1)];
  for (const worker of workers) pool.add(worker);
  expect(pool.links).toEqual(workers);
  expect(pool.size).toBe(2);
});

test('worker pool: never chooses a removed worker', () => {
  const pool = new WorkerPool(new LeastConnectionsRouter());
  const [removed, kept] = [createWorker(0), createWorker(1)];
  pool.add(removed);
  pool.add(kept);
  pool.remove(removed);
  pool.remove(removed);
  for (let i = 0; i < 5; i++) expect(pool.choose(client)).toBe(kept);
  pool.remove(kept);
  expect(pool.choose(client)).toBeUndefined();
});

test('worker pool: workers may be removed during an iteration', () => {
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

test('worker pool: chooses by its router', () => {
  const workers = [createWorker(0), createWorker(1)];
  const pool = new WorkerPool({ choose: (links) => links.at(-1) });
  for (const worker of workers) pool.add(worker);
  expect(pool.choose(client)).toBe(workers[1]);
});

test('worker pool: a router cannot change the list of workers', () => {
  const pool = new WorkerPool({
    choose: (links) => {
      Reflect.apply(Array.prototype.pop, links, []);
      return undefined;
    },
  });
  expect(() => pool.choose(client)).toThrow(TypeError);
  pool.add(createWorker(0));
  pool.add(createWorker(1));
  expect(() => pool.choose(client)).toThrow(TypeError);
  const [first] = pool.links;
  if (first !== undefined) pool.remove(first);
  expect(() => pool.choose(client)).toThrow(TypeError);
  expect(pool.size).toBe(1);
});
