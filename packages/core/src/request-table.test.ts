import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RequestTable } from './request-table.ts';

let now = 0;

/** A table with the clock `now`. */
function createTable(): RequestTable {
  return new RequestTable(() => now, 50);
}

beforeEach(() => {
  now = 0;
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('requests: answers in any order resolve their own requests', async () => {
  const table = createTable();
  const first = table.add(1000);
  const second = table.add(1000);
  expect(first.requestId).not.toBe(second.requestId);
  table.resolve(second.requestId, 'two');
  table.resolve(first.requestId, 'one');
  expect(await Promise.all([first.answer, second.answer])).toEqual(['one', 'two']);
  expect(table.size).toBe(0);
});

test('requests: joins the chunks of each list answer', async () => {
  const table = createTable();
  const [first, second, third] = [table.add(1000), table.add(1000), table.add(1000)];
  table.addPart(first.requestId, ['a']);
  table.addPart(second.requestId, [1, 2]);
  table.addPart(first.requestId, ['b', 'c']);
  table.resolve(second.requestId, []);
  table.resolve(third.requestId, ['alone']);
  table.resolve(first.requestId, [['d']]);
  expect(await first.answer).toEqual(['a', 'b', 'c', ['d']]);
  expect(await second.answer).toEqual([1, 2]);
  expect(await third.answer).toEqual(['alone']);
  table.addPart(first.requestId, ['late']);
  expect(table.size).toBe(0);
});

test('requests: reject rejects one request', async () => {
  const table = createTable();
  const { requestId, answer } = table.add(1000);
  table.reject(requestId, new Error('no'));
  await expect(answer).rejects.toThrow('no');
  expect(table.size).toBe(0);
});

test('requests: rejectAll rejects every request', async () => {
  const table = createTable();
  const answers = [table.add(1000), table.add(2000)].map(({ answer }) => answer);
  table.rejectAll(new Error('closed'));
  for (const answer of answers) await expect(answer).rejects.toThrow('closed');
  expect(table.size).toBe(0);
});

test('requests: a request expires at its deadline, not earlier', async () => {
  const table = createTable();
  const short = table.add(100);
  const long = table.add(200);
  now = 99;
  table.expire();
  expect(table.size).toBe(2);
  now = 100;
  table.expire();
  await expect(short.answer).rejects.toMatchObject({ code: 'GW_ERR_QUERY_TIMEOUT' });
  expect(table.size).toBe(1);
  table.resolve(long.requestId, 'in time');
  expect(await long.answer).toBe('in time');
});

test('requests: a timer checks the deadlines', async () => {
  const table = createTable();
  const { answer } = table.add(100);
  const rejected = expect(answer).rejects.toMatchObject({ code: 'GW_ERR_QUERY_TIMEOUT' });
  now = 100;
  vi.advanceTimersByTime(50);
  await rejected;
});

test('requests: one timer runs, and only while a request is pending', () => {
  const table = createTable();
  expect(vi.getTimerCount()).toBe(0);
  const first = table.add(100);
  const second = table.add(100);
  expect(vi.getTimerCount()).toBe(1);
  table.resolve(first.requestId, 1);
  expect(vi.getTimerCount()).toBe(1);
  table.resolve(second.requestId, 2);
  expect(vi.getTimerCount()).toBe(0);
  table.resolve(table.add(100).requestId, 3);
  expect(vi.getTimerCount()).toBe(0);
});

test('requests: unknown, late and second answers are ignored', async () => {
  const table = createTable();
  table.resolve(999, 'unknown');
  const { requestId, answer } = table.add(100);
  table.resolve(requestId, 'first');
  table.resolve(requestId, 'second');
  table.reject(requestId, new Error('third'));
  expect(await answer).toBe('first');
});

test('requests: pending requests have different ids', () => {
  const table = createTable();
  const ids = Array.from({ length: 1000 }, () => table.add(100).requestId);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(Number.isInteger(id) && id >= 0 && id < 2 ** 32).toBe(true);
});
