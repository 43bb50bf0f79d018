import { captureLogger } from '@gatewayworker/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ThrottledLog } from './throttled-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('throttled log: a flood has one line a second for each message', () => {
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
