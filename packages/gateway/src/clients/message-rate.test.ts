import { expect, test } from 'vitest';
import { MessageRate } from './message-rate.ts';

function takeMany(rate: MessageRate, count: number, now: number): number {
  return Array.from({ length: count }, () => rate.take(now)).filter(Boolean).length;
}

test('lets the messages of a second through at once, and no more', () => {
  const rate = new MessageRate(10, 0);
  expect(takeMany(rate, 15, 0)).toBe(10);
});

test('lets a steady stream at the rate through for ever', () => {
  const rate = new MessageRate(4, 0);
  expect(Array.from({ length: 1000 }, (_, index) => rate.take(index * 250))).not.toContain(false);
});

test('fills evenly, and holds no more than a second', () => {
  const rate = new MessageRate(10, 0);
  takeMany(rate, 10, 0);
  expect(takeMany(rate, 10, 300)).toBe(3);
  expect(takeMany(rate, 100, 60_000)).toBe(10);
});
