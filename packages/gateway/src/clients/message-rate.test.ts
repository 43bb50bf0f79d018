import { expect, test } from 'vitest';
import { MessageRate } from './message-rate.ts';

function takeMany(rate: MessageRate, count: number, now: number): number {
  return Array.from({ length: count }, () => rate.take(now)).filter(Boolean).length;
}

test('message rate: allows a burst of one second of messages', () => {
  const rate = new MessageRate(10, 0);
  expect(takeMany(rate, 15, 0)).toBe(10);
});

test('message rate: allows a steady stream at the rate', () => {
  const rate = new MessageRate(4, 0);
  expect(Array.from({ length: 1000 }, (_, index) => rate.take(index * 250))).not.toContain(false);
});

test('message rate: refills evenly, up to one second of messages', () => {
  const rate = new MessageRate(10, 0);
  takeMany(rate, 10, 0);
  expect(takeMany(rate, 10, 300)).toBe(3);
  expect(takeMany(rate, 100, 60_000)).toBe(10);
});
