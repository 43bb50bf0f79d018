import { expect, test } from 'vitest';
import { RateLimiter } from './rate-limiter.ts';

function createLimiter(burst: number, perSecond: number) {
  const clock = { now: 0 };
  return { clock, limit: new RateLimiter({ burst, perSecond }, () => clock.now) };
}

test('rate limiter: allows a burst, then the rate per second, per key', () => {
  const { clock, limit } = createLimiter(3, 2);
  for (let count = 0; count < 3; count += 1) expect(limit.tryTake('ann')).toBe(0);
  expect(limit.tryTake('ann')).toBe(500);
  expect(limit.tryTake('bob')).toBe(0);
  clock.now = 499;
  expect(limit.tryTake('ann')).toBeCloseTo(1);
  clock.now = 500;
  expect(limit.tryTake('ann')).toBe(0);
  expect(limit.tryTake('ann')).toBe(500);
  clock.now = 60_000;
  for (let count = 0; count < 3; count += 1) expect(limit.tryTake('ann')).toBe(0);
  expect(limit.tryTake('ann')).toBeGreaterThan(0);
});

test('rate limiter: beyond the limit, throws too_fast with the time to wait', () => {
  const { limit } = createLimiter(1, 0.5);
  limit.take('ann');
  expect(() => limit.take('ann', 'Too much.')).toThrow('Too much. Please wait 2 s.');
  try {
    limit.take('ann');
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: 'too_fast', retryAfterMs: 2000 });
  }
  limit.reset('ann');
  expect(limit.tryTake('ann')).toBe(0);
});

test('rate limiter: the number of keys is bounded, recently used ones are kept', () => {
  const { clock, limit } = createLimiter(1, 0.001);
  for (let key = 0; key < 30_000; key += 1) expect(limit.tryTake(`key ${key}`)).toBe(0);
  expect(limit.tryTake('key 29999')).toBeGreaterThan(0);
  expect(limit.tryTake('key 0')).toBe(0);
  clock.now = 2_000_000;
  expect(limit.tryTake('key 29999')).toBe(0);
});
