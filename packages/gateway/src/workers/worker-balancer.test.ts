import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Client, create, send, Worker } from './event-dispatcher.fixture.ts';
import type { EventDispatcher } from './event-dispatcher.ts';
import { BALANCE_INTERVAL_MS } from './worker-balancer.ts';

beforeEach(() => {
  workers = [];
  vi.useFakeTimers({
    toFake: ['setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
  });
  return () => vi.useRealTimers();
});

let workers: Worker[] = [];

function worker(id: number): Worker {
  const made = new Worker(id);
  workers.push(made);
  return made;
}

/** One interval in which all workers except the hanging ones answer the ping, and one in which clients move. */
function interval(...hanging: Worker[]): void {
  vi.advanceTimersByTime(BALANCE_INTERVAL_MS);
  for (const { link } of workers.filter((one) => !hanging.includes(one)))
    link.connection.reads += 1;
  vi.advanceTimersByTime(BALANCE_INTERVAL_MS);
}

/** Connects idle clients to a worker. */
function connect(dispatcher: EventDispatcher, worker: Worker, from: number, to: number): Client[] {
  const clients: Client[] = [];
  for (let connection = from; connection <= to; connection += 1) {
    const client = new Client(connection);
    dispatcher.dispatchConnected(client, worker.link);
    dispatcher.handleAck(worker.link, client, { count: 1, byteLength: 0 });
    clients.push(client);
  }
  worker.take();
  return clients;
}

function createBalanced(rebalancePerSecond: number): EventDispatcher {
  const dispatcher = create({ rebalancePerSecond });
  onTestFinished(() => dispatcher.close());
  return dispatcher;
}

test('balancer: moves a bounded number of idle clients to a later worker', () => {
  const dispatcher = createBalanced(3);
  const [first, second] = [worker(0), worker(1)];
  dispatcher.addWorker(first.link);
  const clients = connect(dispatcher, first, 1, 10);
  dispatcher.addWorker(second.link);
  interval();
  expect(first.take()).toEqual(['1 detached', '2 detached', '3 detached']);
  expect(second.take()).toEqual(['1 attached', '2 attached', '3 attached']);
  interval();
  expect([first.link.connections, second.link.connections]).toEqual([5, 5]);
  // The next message of a client goes to its new worker only.
  for (const client of clients) send(dispatcher, client, 'a');
  expect(second.take().filter((line) => line.includes('text'))).toEqual(
    [1, 2, 3, 4, 5].map((connection) => `${connection} text a`),
  );
  expect(first.take().filter((line) => line.includes('text'))).toEqual(
    [6, 7, 8, 9, 10].map((connection) => `${connection} text a`),
  );
  interval();
  expect([first.take(), second.take()]).toEqual([[], []]);
});

test('balancer: does not move clients with events in flight, or closing ones', () => {
  const dispatcher = createBalanced(100);
  const [first, second] = [worker(0), worker(1)];
  dispatcher.addWorker(first.link);
  const clients = connect(dispatcher, first, 1, 10);
  for (const client of clients.slice(0, 7)) send(dispatcher, client, 'a');
  const [closing] = clients.slice(7);
  if (closing !== undefined) closing.isClosing = true;
  first.take();
  dispatcher.addWorker(second.link);
  interval();
  expect(first.take()).toEqual(['9 detached', '10 detached']);
  const [busy] = clients;
  dispatcher.handleAck(first.link, busy, { count: 1, byteLength: 0 });
  interval();
  expect(first.take()).toEqual(['1 detached']);
});

test('balancer: ignores small differences, and never moves a client back', () => {
  const dispatcher = createBalanced(1000);
  const [first, second, third] = [worker(0), worker(1), worker(2)];
  for (const { link } of workers) dispatcher.addWorker(link);
  connect(dispatcher, first, 1, 101);
  connect(dispatcher, second, 201, 292);
  connect(dispatcher, third, 401, 410);
  for (let round = 0; round < 10; round += 1) interval();
  const counts = workers.map(({ link }) => link.connections);
  expect(counts.reduce((sum, count) => sum + count)).toBe(203);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(10);
  for (const worker of workers) worker.take();
  for (let round = 0; round < 10; round += 1) interval();
  expect(workers.map((worker) => worker.take())).toEqual([[], [], []]);
});

test('balancer: moves no client to a hanging, draining or suspended worker', () => {
  const dispatcher = createBalanced(100);
  const [first, second] = [worker(0), worker(1)];
  dispatcher.addWorker(first.link);
  connect(dispatcher, first, 1, 10);
  // It has no events, but does not answer pings.
  dispatcher.addWorker(second.link);
  interval(second);
  expect(first.take()).toEqual([]);
  dispatcher.suspendWorker(second.link);
  interval();
  expect(first.take()).toEqual([]);
  dispatcher.resumeWorker(second.link);
  interval();
  expect(first.take()).toHaveLength(5);
  dispatcher.drainWorker(second.link);
  first.take();
  interval();
  expect(first.take()).toEqual([]);
});

test('balancer: rebalancePerSecond 0 moves no client', () => {
  const dispatcher = createBalanced(0);
  const [first, second] = [worker(0), worker(1)];
  dispatcher.addWorker(first.link);
  connect(dispatcher, first, 1, 10);
  dispatcher.addWorker(second.link);
  interval();
  expect(first.take()).toEqual([]);
});
