import { expect, test } from 'vitest';
import { WorkerCensus } from './worker-census.ts';

test('a worker that leaves the list of its register is gone', () => {
  const census = new WorkerCensus();
  census.update('r1', ['a', 'b']);
  expect(census.isGone('a')).toBe(false);
  census.update('r1', ['b']);
  expect([census.isGone('a'), census.isGone('b')]).toEqual([true, false]);
});

test('a worker that no register has named may be there', () => {
  const census = new WorkerCensus();
  census.update('r1', []);
  expect(census.isGone('a')).toBe(false);
});

test('a worker that another register names is there', () => {
  const census = new WorkerCensus();
  census.update('r1', ['a']);
  census.update('r2', ['a']);
  census.update('r1', []);
  expect(census.isGone('a')).toBe(false);
  census.update('r2', []);
  expect(census.isGone('a')).toBe(true);
});

test('a register that comes back and knows of nobody yet removes nobody', () => {
  const census = new WorkerCensus();
  census.update('r1', ['a']);
  census.forget('r1');
  census.update('r1', []);
  expect(census.isGone('a')).toBe(false);
});

test('a worker that is named again is there again', () => {
  const census = new WorkerCensus();
  census.update('r1', ['a']);
  census.update('r1', []);
  census.update('r1', ['a']);
  expect(census.isGone('a')).toBe(false);
});

test('what it remembers of the dead is bounded', () => {
  const census = new WorkerCensus();
  const many = Array.from({ length: 1025 }, (_, index) => `w${index}`);
  census.update('r1', many);
  census.update('r1', []);
  expect([census.isGone('w0'), census.isGone('w1024')]).toEqual([false, true]);
});
