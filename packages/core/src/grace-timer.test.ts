import { expect, onTestFinished, test, vi } from 'vitest';
import { GraceTimer } from './grace-timer.ts';
import { Guard } from './guard.ts';

const link = {
  fail(error: Error): void {
    throw error;
  },
};

test('grace timer: is over after its time', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let isOver = false;
  const timer = new GraceTimer(new Guard());
  timer.start(
    2000,
    () => {
      isOver = true;
    },
    link,
  );
  vi.advanceTimersByTime(1999);
  expect(isOver).toBe(false);
  vi.advanceTimersByTime(1);
  expect(isOver).toBe(true);
});

test('grace timer: a busy process has turns of the event loop left', async () => {
  let isOver = false;
  const timer = new GraceTimer(new Guard());
  timer.start(
    20,
    () => {
      isOver = true;
    },
    link,
  );
  onTestFinished(() => timer.stop());
  // The process does nothing else for several times as long.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
});

test('grace timer: a stopped one is never over', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const timer = new GraceTimer(new Guard());
  let overs = 0;
  timer.start(
    2000,
    () => {
      overs += 1;
    },
    link,
  );
  vi.advanceTimersByTime(1500);
  timer.stop();
  vi.advanceTimersByTime(5000);
  expect(overs).toBe(0);
});
