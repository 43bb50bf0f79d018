import { expect, test } from 'vitest';
import { RateMeter } from './rate-meter.ts';

test('rate meter: returns the increase per second between the last two updates', () => {
  const meter = new RateMeter(1_000);
  expect(meter.perSecond).toBe(0);
  meter.update(50, 1_500);
  expect(meter.perSecond).toBe(100);
  meter.update(80, 3_500);
  expect(meter.perSecond).toBe(15);
  meter.update(80, 4_500);
  expect(meter.perSecond).toBe(0);
});

test('rate meter: never returns a negative or infinite rate', () => {
  const meter = new RateMeter(0);
  meter.update(10, 0);
  expect(meter.perSecond).toBe(0);
  meter.update(10, 1_000);
  meter.update(0, 2_000);
  expect(meter.perSecond).toBe(0);
});
