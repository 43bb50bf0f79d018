import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '@gatewayworker/testing';
import { expect, test, vi } from 'vitest';
import { BoundedAbort } from './bounded-abort.ts';

test('bounded abort: aborts with the followed signal, now or later', () => {
  const followed = new AbortController();
  const later = new BoundedAbort(followed.signal);
  expect(later.signal.aborted).toBe(false);
  followed.abort();
  const now = new BoundedAbort(followed.signal);
  expect([later.signal.aborted, now.signal.aborted]).toEqual([true, true]);
});

test('bounded abort: aborts after its timeout, unless it was released', () => {
  vi.useFakeTimers();
  const followed = new AbortController();
  const [late, done] = [1, 2].map(() => new BoundedAbort(followed.signal, 3000));
  done?.release();
  vi.advanceTimersByTime(3000);
  expect(late?.signal.reason).toEqual(new Error('no answer within 3000 ms'));
  followed.abort();
  expect(done?.signal.aborted).toBe(false);
  vi.useRealTimers();
});

test('bounded abort: the garbage collector does not prevent the abort', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let hasAborted = false;
  const listen = (): void => {
    const { signal } = new BoundedAbort(new AbortController().signal, 50);
    signal.addEventListener('abort', () => {
      hasAborted = true;
    });
  };
  listen();
  collect();
  await eventually(() => {
    collect();
    return hasAborted;
  });
});
