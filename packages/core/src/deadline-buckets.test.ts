import { expect, test } from 'vitest';
import { DeadlineBuckets } from './deadline-buckets.ts';

function create() {
  const due: string[] = [];
  const time = { ms: 1000 };
  const buckets = new DeadlineBuckets<{ name: string }>(
    ({ name }) => void due.push(name),
    () => time.ms,
  );
  const advance = (ms: number): void => {
    time.ms += ms;
    buckets.check();
  };
  return { buckets, due, advance };
}

test('DeadlineBuckets: each item is due once, not before its time', () => {
  const { buckets, due, advance } = create();
  buckets.add({ name: 'late' }, 500);
  buckets.add({ name: 'early' }, 1);
  buckets.add({ name: 'same' }, 500);
  advance(50);
  expect(due).toEqual(['early']);
  advance(400);
  expect(due).toEqual(['early']);
  advance(100);
  expect(due).toEqual(['early', 'late', 'same']);
  expect(buckets.size).toBe(0);
});

test('DeadlineBuckets: a removed item is never due', () => {
  const { buckets, due, advance } = create();
  const item = { name: 'a' };
  buckets.add(item, 100);
  buckets.delete(item);
  buckets.delete(item);
  expect(buckets.size).toBe(0);
  buckets.add({ name: 'b' }, 100);
  buckets.clear();
  advance(1000);
  expect(due).toEqual([]);
});

test('DeadlineBuckets: an item added long after the last check is due in time', () => {
  const { buckets, due, advance } = create();
  buckets.add({ name: 'a' }, 50);
  advance(100_000);
  buckets.add({ name: 'b' }, 50);
  advance(49);
  expect(due).toEqual(['a']);
  advance(51);
  expect(due).toEqual(['a', 'b']);
});
