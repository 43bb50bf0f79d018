import { expect, onTestFinished, test, vi } from 'vitest';
import { Deadline } from './deadline.ts';

/** A clock that the test turns. */
function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** How long a wait takes, and what it answers. */
async function measure(wait: Promise<boolean>): Promise<{ isDone: boolean; tookMs: number }> {
  const startedAt = performance.now();
  const isDone = await wait;
  return { isDone, tookMs: performance.now() - startedAt };
}

test('waits until something is done', async () => {
  useFakeClock();
  let isDone = false;
  setTimeout(() => {
    isDone = true;
  }, 100);
  const waited = measure(new Deadline(1000).waitUntil(() => isDone));
  await vi.advanceTimersByTimeAsync(200);
  expect(await waited).toEqual({ isDone: true, tookMs: 100 });
});

test('waits no longer than there is time, less what is kept for later', async () => {
  useFakeClock();
  const clock = new Deadline(1000);
  const waited = measure(clock.waitUntil(() => false, 400));
  await vi.advanceTimersByTimeAsync(700);
  expect(await waited).toEqual({ isDone: false, tookMs: 600 });
  const rest = measure(clock.waitUntil(() => false));
  await vi.advanceTimersByTimeAsync(1000);
  expect(await rest).toEqual({ isDone: false, tookMs: 300 });
});

test('is shortened during a wait, and never lengthened', async () => {
  useFakeClock();
  const clock = new Deadline(1000);
  const waited = measure(clock.waitUntil(() => false));
  await vi.advanceTimersByTimeAsync(200);
  clock.shorten(100);
  clock.shorten(5000);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await waited).toEqual({ isDone: false, tookMs: 300 });
});
