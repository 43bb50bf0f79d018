import { beforeEach, expect, test, vi } from 'vitest';
import { MembershipAges, toU32 } from './membership-ages.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  return () => vi.useRealTimers();
});

test('membership ages: session, uid and each group have an age of their own', () => {
  const ages = new MembershipAges();
  vi.advanceTimersByTime(100);
  expect(ages.join('a')).toBe(true);
  vi.advanceTimersByTime(10);
  ages.bind();
  expect(ages.join('b')).toBe(true);
  vi.advanceTimersByTime(1);
  expect(ages.describe()).toEqual({
    ageMs: 111,
    uidAgeMs: 1,
    groups: [
      { group: 'a', ageMs: 11 },
      { group: 'b', ageMs: 1 },
    ],
  });
});

test('membership ages: a second join does not make a member younger', () => {
  const ages = new MembershipAges();
  ages.join('a');
  vi.advanceTimersByTime(10);
  expect(ages.join('a')).toBe(false);
  expect(ages.describe().groups).toEqual([{ group: 'a', ageMs: 10 }]);
});

test('membership ages: a member that has left is young when it joins again', () => {
  const ages = new MembershipAges();
  expect(ages.leave('a')).toBe(false);
  ages.join('a');
  vi.advanceTimersByTime(10);
  expect([ages.leave('a'), ages.leave('a'), ages.join('a')]).toEqual([true, false, true]);
  expect(ages.describe().groups).toEqual([{ group: 'a', ageMs: 0 }]);
});

test('membership ages: another process continues with them, in its own time', () => {
  const before = new MembershipAges();
  before.join('a');
  vi.advanceTimersByTime(50);
  const after = new MembershipAges();
  after.join('lost');
  after.restore(before.describe());
  vi.advanceTimersByTime(7);
  expect(after.describe()).toEqual({
    ...{ ageMs: 57, uidAgeMs: 57 },
    groups: [{ group: 'a', ageMs: 57 }],
  });
  expect(after.join('a')).toBe(false);
});

test.each([
  [0.4, 0],
  [0.5, 1],
  [2 ** 32 - 1, 2 ** 32 - 1],
  [2 ** 40, 2 ** 32 - 1],
])('toU32: %d is %d', (ms, expected) => {
  expect(toU32(ms)).toBe(expected);
});
