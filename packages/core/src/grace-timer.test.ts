import { expect, onTestFinished, test, vi } from 'vitest';
import { GraceTimer } from './grace-timer.ts';
import { Guard } from './guard.ts';

const link = {
  fail(error: Error): void {
    throw error;
  },
};

test('grace timer: expires after its time', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let isExpired = false;
  const timer = new GraceTimer(new Guard());
  timer.start(
    2000,
    () => {
      isExpired = true;
    },
    link,
  );
  vi.advanceTimersByTime(1999);
  expect(isExpired).toBe(false);
  vi.advanceTimersByTime(1);
  expect(isExpired).toBe(true);
});

test('grace timer: does not expire at once after a blocked event loop', async () => {
  let isExpired = false;
  const timer = new GraceTimer(new Guard());
  timer.start(
    20,
    () => {
      isExpired = true;
    },
    link,
  );
  onTestFinished(() => timer.stop());
  // Blocks the event loop for five times as long.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isExpired).toBe(false);
});

test('grace timer: does not expire after stop', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const timer = new GraceTimer(new Guard());
  let expirations = 0;
  timer.start(
    2000,
    () => {
      expirations += 1;
    },
    link,
  );
  vi.advanceTimersByTime(1500);
  timer.stop();
  vi.advanceTimersByTime(5000);
  expect(expirations).toBe(0);
});
