import { expect, test } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

test('histogram: an empty one returns 0', () => {
  expect(new LatencyHistogram().percentile(0.99)).toBe(0);
});

test('histogram: returns the percentile', () => {
  const histogram = histogramOf(Array.from({ length: 100 }, (_, index) => index + 1));
  expect(histogram.percentile(0.5)).toBe(0.05);
  expect(histogram.percentile(0.99)).toBe(0.099);
  expect(histogram.percentile(1)).toBe(0.1);
  expect(histogram.percentile(0)).toBe(0.001);
});

test('histogram: every latency is exact to 0.2 %', () => {
  for (let value = 1; value < 2 ** 31; value = Math.ceil(value * 1.37)) {
    const shown = histogramOf([value]).percentile(1) * 1000;
    expect(shown).toBeLessThanOrEqual(value);
    expect(shown).toBeGreaterThanOrEqual(value * 0.998 - 1e-6);
  }
});

test('histogram: buckets grow with the values', () => {
  const values = Array.from({ length: 5000 }, (_, index) => index);
  const shown = values.map((value) => histogramOf([value]).percentile(1));
  expect(shown).toEqual([...shown].sort((a, b) => a - b));
});

test('histogram: values out of range are clamped', () => {
  expect(histogramOf([-5]).percentile(1)).toBe(0);
  expect(histogramOf([1e12]).percentile(1)).toBeCloseTo((2 ** 31 - 1) / 1000, -5);
});

test('histogram: a merge equals one histogram of all values', () => {
  const merged = histogramOf([1, 2, 5000]);
  merged.merge(histogramOf([3, 70_000, 5000]).toCounts());
  const whole = histogramOf([1, 2, 3, 5000, 5000, 70_000]);
  expect(merged.total).toBe(6);
  expect(merged.toCounts()).toEqual(whole.toCounts());
});
