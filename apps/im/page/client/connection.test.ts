import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readAskedPause, toPause } from './backoff.ts';
import { Connection } from './connection.ts';
import { FakeSocket } from './fake-socket.fixture.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A connection with every socket that it has opened, and all that it tells. */
function open() {
  const sockets: FakeSocket[] = [];
  const told: string[] = [];
  const connection = new Connection({
    open(listener) {
      const socket = new FakeSocket(listener);
      sockets.push(socket);
      return socket;
    },
    random: () => 0.5,
    onState: ({ status }) => told.push(status),
    onMessage: ({ type }) => told.push(type),
    onLoggedOut: () => told.push('logged out'),
    onRefused: () => told.push('refused'),
    onFault: (reason) => told.push(`fault ${reason}`),
  });
  connection.start();
  const last = () => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('nothing was opened');
    return socket;
  };
  return { connection, sockets, told, last };
}

test('it is open once the server has said ready, not before', () => {
  const { connection, told, last } = open();
  expect(connection.say({ type: 'sync' })).toBe(false);
  last().ready();
  expect(connection.say({ type: 'sync' })).toBe(true);
  expect(last().said).toEqual([{ type: 'sync' }]);
  expect(told).toEqual(['connecting', 'open', 'ready']);
});

test('it is opened again when it ends, after pauses that grow up to 15 s', () => {
  const { sockets, last } = open();
  last().ready();
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    last().end();
    const before = Date.now();
    vi.advanceTimersToNextTimer();
    pauses.push(Date.now() - before);
  }
  expect(sockets).toHaveLength(9);
  expect(pauses[0]).toBeLessThanOrEqual(1000);
  expect(pauses.at(-1)).toBeGreaterThan(5000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(15_000);
  last().ready();
  last().end();
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(10);
});

test('one that could not be opened says so: the login may be why', () => {
  const { told, last } = open();
  last().end();
  expect(told).toEqual(['connecting', 'waiting', 'refused']);
});

test('a server that goes away tells when to come back', () => {
  const { sockets, last } = open();
  last().ready();
  last().end(1012, 'retry in 20-30 s');
  vi.advanceTimersByTime(24_999);
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(sockets).toHaveLength(2);
});

test('a device that was logged out is not connected again', () => {
  const { sockets, told, last } = open();
  last().ready();
  last().end(4001);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  expect(told.at(-1)).toBe('logged out');
});

test('a server that does not answer a ping is given up', () => {
  const { sockets, last } = open();
  const first = last();
  first.ready();
  vi.advanceTimersByTime(20_000);
  expect(first.said).toEqual([{ type: 'ping' }]);
  first.hear({ type: 'pong' });
  vi.advanceTimersByTime(20_000);
  expect(first.said).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(first.isClosed).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('a socket that was given up is not heard any more', () => {
  const { connection, told, last } = open();
  last().ready();
  const first = last();
  connection.lose();
  connection.retry();
  const count = told.length;
  first.hear({ type: 'pong' });
  first.end();
  expect(told).toHaveLength(count);
});

test('one that never says ready is given up after 10 s', () => {
  const { sockets, last } = open();
  const first = last();
  vi.advanceTimersByTime(10_000);
  expect(first.isClosed).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('what the client did wrong is told, and it comes back all the same', () => {
  const { sockets, told, last } = open();
  last().ready();
  last().end(1009, 'too big');
  expect(told).toContain('fault too big');
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('pauses are random, and read from the server when it names them', () => {
  expect(toPause(0, () => 0)).toBe(0);
  expect(toPause(0, () => 0.999)).toBeLessThan(1000);
  expect(toPause(50, () => 1)).toBe(15_000);
  expect(readAskedPause('retry in 1-3 s', () => 0.5)).toBe(2000);
  expect(readAskedPause('going away', () => 0.5)).toBeUndefined();
  expect(readAskedPause('retry in 1-9999999 s', () => 1)).toBe(60_000);
});
