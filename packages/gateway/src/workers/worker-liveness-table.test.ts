import { expect, test } from 'vitest';
import { WorkerLivenessTable } from './worker-liveness-table.ts';

test('worker liveness: a worker removed from the list is dead', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a', 'b']);
  expect(liveness.isDead('a')).toBe(false);
  liveness.update('r1', ['b']);
  expect([liveness.isDead('a'), liveness.isDead('b')]).toEqual([true, false]);
});

test('worker liveness: a worker that was never listed is not dead', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', []);
  expect(liveness.isDead('a')).toBe(false);
});

test('worker liveness: a worker listed by another register is not dead', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.update('r2', ['a']);
  liveness.update('r1', []);
  expect(liveness.isDead('a')).toBe(false);
  liveness.update('r2', []);
  expect(liveness.isDead('a')).toBe(true);
});

test('worker liveness: the empty list of a restarted register removes no worker', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.forget('r1');
  liveness.update('r1', []);
  expect(liveness.isDead('a')).toBe(false);
});

test('worker liveness: a worker listed again is not dead', () => {
  const liveness = new WorkerLivenessTable();
  liveness.update('r1', ['a']);
  liveness.update('r1', []);
  liveness.update('r1', ['a']);
  expect(liveness.isDead('a')).toBe(false);
});

test('worker liveness: remembers a bounded number of dead workers', () => {
  const liveness = new WorkerLivenessTable();
  const many = Array.from({ length: 1025 }, (_, index) => `w${index}`);
  liveness.update('r1', many);
  liveness.update('r1', []);
  expect([liveness.isDead('w0'), liveness.isDead('w1024')]).toEqual([false, true]);
});
