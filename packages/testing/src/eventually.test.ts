import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';

test('eventually: resolves with the first value that is neither undefined nor false', async () => {
  const answers = [undefined, false, 0];
  expect(await eventually(() => answers.shift(), { intervalMs: 1 })).toBe(0);
});

test('eventually: accepts null', async () => {
  expect(await eventually(() => null)).toBe(null);
});

test('eventually: retries after a throw and after a rejection', async () => {
  let tries = 0;
  const check = () => {
    tries += 1;
    if (tries === 1) throw new Error('thrown');
    return tries === 2 ? Promise.reject(new Error('rejected')) : Promise.resolve('done');
  };
  expect(await eventually(check, { intervalMs: 1 })).toBe('done');
});

test('eventually: rejects with the last error at the deadline', async () => {
  const check = () => Promise.reject(new Error('the door is shut'));
  await expect(eventually(check, { timeoutMs: 10, intervalMs: 1 })).rejects.toThrow(
    'the door is shut (after 10 ms)',
  );
});

test('eventually: rejects with the last value at the deadline', async () => {
  await expect(eventually(() => false, { timeoutMs: 5, intervalMs: 1 })).rejects.toThrow(
    'the check still returns false',
  );
});

test('eventually: rejects at the deadline when the check does not settle', async () => {
  const check = () => new Promise<boolean>(() => {});
  await expect(eventually(check, { timeoutMs: 10, intervalMs: 1 })).rejects.toThrow(
    'the check has not settled',
  );
});
