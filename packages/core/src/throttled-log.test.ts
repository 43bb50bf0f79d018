import { captureLogger } from '@gatewayworker/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ThrottledLog } from './throttled-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('throttled log: a single line is written at once and leaves no timer', () => {
  const { logger, lines } = captureLogger();
  const log = new ThrottledLog(logger);
  log.warn({ peer: 'a' }, 'refused');
  vi.advanceTimersByTime(10_000);
  expect(lines).toMatchObject([{ peer: 'a', msg: 'refused' }]);
  expect(vi.getTimerCount()).toBe(0);
  log.warn({ peer: 'b' }, 'refused');
  expect(lines).toHaveLength(2);
});

test('throttled log: a flood is written once a second for each message', () => {
  const { logger, lines } = captureLogger();
  const log = new ThrottledLog(logger);
  for (let ms = 0; ms < 2000; ms += 10) {
    log.error({ ms }, 'onMessage failed');
    log.warn({ ms }, 'refused');
    vi.advanceTimersByTime(10);
  }
  expect(lines).toMatchObject([
    { level: 50, ms: 0, msg: 'onMessage failed' },
    { level: 40, ms: 0, msg: 'refused' },
    { level: 50, ms: 990, leftOut: 98, msg: 'onMessage failed' },
    { level: 40, ms: 990, leftOut: 98, msg: 'refused' },
    { level: 50, ms: 1990, leftOut: 99, msg: 'onMessage failed' },
    { level: 40, ms: 1990, leftOut: 99, msg: 'refused' },
  ]);
  log.close();
});

test('throttled log: leftOut counts every omitted line', () => {
  const { logger, lines } = captureLogger();
  const log = new ThrottledLog(logger);
  for (let ms = 0; ms < 5000; ms += 10) {
    log.warn({ peer: ms }, 'refused');
    vi.advanceTimersByTime(10);
  }
  expect(lines).toHaveLength(6);
  const counted = lines.reduce((sum, { leftOut }) => sum + 1 + Number(leftOut ?? 0), 0);
  expect(counted).toBe(500);
});

test('throttled log: close writes the line that waits', () => {
  const { logger, lines } = captureLogger();
  const log = new ThrottledLog(logger);
  for (const peer of ['a', 'b', 'c']) log.warn({ peer }, 'refused');
  log.close();
  expect(lines.slice(1)).toMatchObject([{ peer: 'c', leftOut: 1, msg: 'refused' }]);
  expect(vi.getTimerCount()).toBe(0);
});

test('throttled log: the line that waits is written when the process exits', () => {
  const { logger, lines } = captureLogger();
  const before = process.listeners('exit');
  const log = new ThrottledLog(logger);
  for (const ms of [1, 2, 3]) log.error({ ms }, 'onMessage failed');
  const added = process.listeners('exit').filter((listener) => !before.includes(listener));
  expect(added).toHaveLength(1);
  for (const listener of added) listener(0);
  expect(lines).toMatchObject([{ ms: 1 }, { ms: 3, leftOut: 1 }]);
  expect(process.listeners('exit')).toEqual(before);
});
