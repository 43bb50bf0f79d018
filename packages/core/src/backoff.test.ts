import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffDelayMs } from './backoff.ts';

test.each([
  [0, 100],
  [1, 200],
  [2, 400],
  [3, 800],
  [4, 1000],
  [5, 1000],
])('backoff: doubles up to the maximum, attempt %i waits %i ms', (attempt, expected) => {
  const random = (): number => 1;
  expect(backoffDelayMs(attempt, { initialMs: 100, maxMs: 1000, random })).toBe(expected);
});

test('backoff: jitter spreads a wait over its upper half', () => {
  const wait = (random: number): number =>
    backoffDelayMs(1, { initialMs: 100, maxMs: 1000, random: () => random });
  expect([wait(0), wait(0.5), wait(0.99)]).toEqual([100, 150, 199]);
});

test('backoff: jitter spreads the longest wait too', () => {
  const options = { initialMs: 100, maxMs: 1000, random: () => 0 };
  expect(backoffDelayMs(1000, options)).toBe(500);
});

test('backoff: every wait is an integer from half to the full wait', () => {
  const options = fc.record({
    attempt: fc.oneof(fc.nat(50), fc.nat()),
    initialMs: fc.integer({ min: 1, max: 10_000 }),
    maxMs: fc.integer({ min: 1, max: 100_000 }),
    fraction: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  fc.assert(
    fc.property(options, ({ attempt, initialMs, maxMs, fraction }) => {
      const delay = backoffDelayMs(attempt, { initialMs, maxMs, random: () => fraction });
      const full = Math.min(maxMs, initialMs * 2 ** attempt);
      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      expect(delay).toBeLessThanOrEqual(full);
    }),
  );
});
