import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseRetryDelay, toRetryDelay } from './backoff.ts';
import { Connection } from './connection.ts';
import { FakeSocket } from './fake-socket.fixture.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Opens a connection; records its sockets and callbacks. */
function open() {
  const sockets: FakeSocket[] = [];
  const events: string[] = [];
  const connection = new Connection({
    open(listener) {
      const socket = new FakeSocket(listener);
      sockets.push(socket);
      return socket;
    },
    random: () => 0.5,
    onState: ({ status }) => events.push(status),
    onMessage: ({ type }) => events.push(type),
    onLoggedOut: () => events.push('logged out'),
    onRefused: () => events.push('refused'),
    onFault: (reason) => events.push(`fault ${reason}`),
  });
  connection.start();
  const last = () => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('nothing was opened');
    return socket;
  };
  return { connection, sockets, events, last };
}

test('connection: is open after ready, not before', () => {
  const { connection, events, last } = open();
  expect(connection.transmit({ type: 'sync' })).toBe(false);
  last().ready();
  expect(connection.transmit({ type: 'sync' })).toBe(true);
  expect(last().sent).toEqual([{ type: 'sync' }]);
  expect(events).toEqual(['connecting', 'open', 'ready']);
});

test('connection: reconnects after a close, with delays that grow up to 15 s', () => {
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

test('connection: reports refused if it could not be opened', () => {
  const { events, last } = open();
  last().end();
  expect(events).toEqual(['connecting', 'waiting', 'refused']);
});

test('connection: reconnects after the delay of close code 1012', () => {
  const { sockets, last } = open();
  last().ready();
  last().end(1012, 'retry in 20-30 s');
  vi.advanceTimersByTime(24_999);
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(sockets).toHaveLength(2);
});

test('connection: does not reconnect after a logout', () => {
  const { sockets, events, last } = open();
  last().ready();
  last().end(4001);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  expect(events.at(-1)).toBe('logged out');
});

test('connection: reconnects if a ping is not answered', () => {
  const { sockets, last } = open();
  const first = last();
  first.ready();
  vi.advanceTimersByTime(20_000);
  expect(first.sent).toEqual([{ type: 'ping' }]);
  first.receive({ type: 'pong' });
  vi.advanceTimersByTime(20_000);
  expect(first.sent).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(first.isClosed).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('connection: events of a dropped socket are ignored', () => {
  const { connection, events, last } = open();
  last().ready();
  const first = last();
  connection.lose();
  connection.retry();
  const count = events.length;
  first.receive({ type: 'pong' });
  first.end();
  expect(events).toHaveLength(count);
});

test('connection: reconnects if ready does not arrive within 10 s', () => {
  const { sockets, last } = open();
  const first = last();
  vi.advanceTimersByTime(10_000);
  expect(first.isClosed).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('connection: reports a fault of the client, and reconnects', () => {
  const { sockets, events, last } = open();
  last().ready();
  last().end(1009, 'too big');
  expect(events).toContain('fault too big');
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
});

test('backoff: delays are random, or parsed from the close reason', () => {
  expect(toRetryDelay(0, () => 0)).toBe(0);
  expect(toRetryDelay(0, () => 0.999)).toBeLessThan(1000);
  expect(toRetryDelay(50, () => 1)).toBe(15_000);
  expect(parseRetryDelay('retry in 1-3 s', () => 0.5)).toBe(2000);
  expect(parseRetryDelay('going away', () => 0.5)).toBeUndefined();
  expect(parseRetryDelay('retry in 1-9999999 s', () => 1)).toBe(60_000);
});
