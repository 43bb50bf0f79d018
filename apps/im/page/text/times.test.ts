import { expect, test } from 'vitest';
import { toDay, toLastSeen } from './times.ts';

const now = new Date(2026, 4, 20, 12, 0).getTime();
const minute = 60_000;
const day = 24 * 60 * minute;

test('times: a day is named relative to today', () => {
  expect(toDay(now, now)).toBe('Today');
  expect(toDay(now - day, now)).toBe('Yesterday');
  expect(toDay(now - 3 * day, now)).toBe('Sunday');
  expect(toDay(now - 30 * day, now)).toBe('Apr 20');
  expect(toDay(now - 400 * day, now)).toBe('Apr 15, 2025');
});

test('times: last seen is shown relative to now', () => {
  expect(toLastSeen(null, now)).toBe('offline');
  // The clock of the device is behind the server.
  expect(toLastSeen(now + minute, now)).toBe('last seen just now');
  expect(toLastSeen(now - 5 * minute, now)).toBe('last seen 5 min ago');
  expect(toLastSeen(now - 3 * 60 * minute, now)).toMatch(/^last seen at /);
  expect(toLastSeen(now - day, now)).toBe('last seen yesterday');
});
