import { captureLogger } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Guard } from './guard.ts';

/** A guard, its log lines, and the errors passed to `end`. */
function create() {
  const { logger, lines } = captureLogger();
  const ends: string[] = [];
  return { guard: new Guard(logger), lines, ends };
}

test('Guard.wrap: passes arguments, this and the result', () => {
  const { guard, ends } = create();
  const owner = { factor: 2 };
  const multiply = function (this: typeof owner, a: number, b: number): number {
    return this.factor * a * b;
  };
  const wrapped = guard.wrap('multiply', multiply, (error) => void ends.push(error.message));
  expect(wrapped.call(owner, 3, 4)).toBe(24);
  expect([ends, guard.caught]).toEqual([[], 0]);
});

test('Guard.wrap: an exception ends the owner, and is logged with its stack', () => {
  const { guard, lines, ends } = create();
  const fail = (_text: string): void => {
    throw new TypeError('no good');
  };
  const end = (error: Error, text: string): void => void ends.push(`${error.message} ${text}`);
  expect(guard.wrap('link data', fail, end)('x')).toBeUndefined();
  expect([ends, guard.caught]).toEqual([['no good x'], 1]);
  expect(lines).toMatchObject([
    {
      point: 'link data',
      err: { message: 'no good', stack: expect.stringContaining('guard.test') },
    },
  ]);
});

test('Guard.wrap: an end that throws is logged and does not propagate', () => {
  const { guard, lines } = create();
  const fail = (): void => {
    throw new Error('first');
  };
  const end = (): void => {
    throw new Error('second');
  };
  guard.wrap('link data', fail, end)();
  guard.close();
  expect(lines.map(({ point, err }) => [point, (err as Error).message])).toEqual([
    ['the end of link data', 'second'],
    ['link data', 'first'],
  ]);
});

test('Guard.wrap: exceptions are logged once a second, and each is counted', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { guard, lines, ends } = create();
  const fail = (): void => {
    throw new Error('again');
  };
  const wrapped = guard.wrap('link data', fail, (error) => void ends.push(error.message));
  for (let count = 0; count < 100; count += 1) wrapped();
  expect([lines.length, ends.length, guard.caught]).toEqual([1, 100, 100]);
  vi.advanceTimersByTime(1000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ leftOut: 98 });
});

test('Guard.follow: a rejection and an exception both end the owner', async () => {
  const { guard, ends } = create();
  const end = (error: Error): void => void ends.push(error.message);
  const fail = (): void => {
    throw new Error('thrown');
  };
  guard.follow('answer', Promise.reject(new Error('rejected')), () => undefined, end);
  guard.follow('answer', Promise.resolve(), fail, end);
  guard.follow('answer', Promise.resolve('kept'), (value) => void ends.push(value), end);
  await new Promise((resolve) => setImmediate(resolve));
  expect(ends.sort()).toEqual(['kept', 'rejected', 'thrown']);
});
