import { expect, test } from 'vitest';
import { WorkerLivenessTable } from './worker-liveness-table.ts';

test('a worker that leaves the list of its register is gone', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a', 'b']);
  expect(liveness.isGone('a')).toBe(false);
  liveness.update('r1', ['b']);
  expect([liveness.isGone('a'), liveness.isGone('b')]).toEqual([true, false]);
});

test('a worker that no register has named may be there', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', []);
  expect(liveness.isGone('a')).toBe(false);
});

test('a worker that another register names is there', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.update('r2', ['a']);
  liveness.update('r1', []);
  expect(liveness.isGone('a')).toBe(false);
  liveness.update('r2', []);
  expect(liveness.isGone('a')).toBe(true);
});

test('a register that comes back and knows of nobody yet removes nobody', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.forget('r1');
  liveness.update('r1', []);
  expect(liveness.isGone('a')).toBe(false);
});

test('a worker that is named again is there again', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.update('r1', []);
  liveness.update('r1', ['a']);
  expect(liveness.isGone('a')).toBe(false);
});

test('what it remembers of the dead is bounded', () => {
  const liveness = new WorkerLivenessTable();
  const many = Array.from({ length: 1025 }, (_, index) => `w${index}`);
  liveness.update('r1', many);
  liveness.update('r1', []);
  expect([liveness.isGone('w0'), liveness.isGone('w1024')]).toEqual([false, true]);
});
