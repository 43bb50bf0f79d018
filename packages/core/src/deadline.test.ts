import { expect, onTestFinished, test, vi } from 'vitest';
import { Deadline } from './deadline.ts';

/** Replaces the clock until the test ends. */
function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** Measures how long a wait takes. */
async function measure(wait: Promise<boolean>): Promise<{ isDone: boolean; tookMs: number }> {
  const startedAt = performance.now();
  const isDone = await wait;
  return { isDone, tookMs: performance.now() - startedAt };
}

test('deadline: waits until the condition is true', async () => {
  useFakeClock();
  let isDone = false;
  setTimeout(() => {
    isDone = true;
  }, 100);
  const waited = measure(new Deadline(1000).waitUntil(() => isDone));
  await vi.advanceTimersByTimeAsync(200);
  expect(await waited).toEqual({ isDone: true, tookMs: 100 });
});

test('deadline: a wait ends at the deadline, earlier by the reserve', async () => {
  useFakeClock();
  const deadline = new Deadline(1000);
  const waited = measure(deadline.waitUntil(() => false, 400));
  await vi.advanceTimersByTimeAsync(700);
  expect(await waited).toEqual({ isDone: false, tookMs: 600 });
  const rest = measure(deadline.waitUntil(() => false));
  await vi.advanceTimersByTimeAsync(1000);
  expect(await rest).toEqual({ isDone: false, tookMs: 300 });
});

test('deadline: is shortened during a wait, and never lengthened', async () => {
  useFakeClock();
  const deadline = new Deadline(1000);
  const waited = measure(deadline.waitUntil(() => false));
  await vi.advanceTimersByTimeAsync(200);
  deadline.shorten(100);
  deadline.shorten(5000);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await waited).toEqual({ isDone: false, tookMs: 300 });
});
