import { expect, test } from 'vitest';
import {
  anyTrue,
  concatenate,
  countUnique,
  mergeByKey,
  mergePairs,
  sum,
  toMap,
  toUidState,
  unique,
} from './merge.ts';

test('merge: merges booleans, counts and disjoint lists', () => {
  expect([anyTrue([false, true]), anyTrue([false, false]), anyTrue([])]).toEqual([
    true,
    false,
    false,
  ]);
  expect([sum([1, 20, 300]), sum([])]).toEqual([321, 0]);
  expect(concatenate([['a', 'b'], [], ['c']])).toEqual(['a', 'b', 'c']);
});

test('merge: removes duplicates of several gateways', () => {
  const lists = [['a', 'b'], [], ['c', 'b']];
  expect(unique(lists)).toEqual(['a', 'b', 'c']);
  expect(countUnique(lists)).toBe(3);
  expect([unique([]), countUnique([])]).toEqual([[], 0]);
});

test('merge: builds a map of pairs', () => {
  expect(toMap([[['a', 1]], [], [['b', undefined]]])).toEqual(
    new Map([
      ['a', 1],
      ['b', undefined],
    ]),
  );
});

test('mergePairs: merges values key by key', () => {
  const answers = [
    [
      ['a', 1],
      ['__proto__', 2],
    ],
    [['a', 10]],
  ] as const;
  expect(mergePairs(sum)(answers)).toEqual(
    new Map([
      ['a', 11],
      ['__proto__', 2],
    ]),
  );
  expect(mergePairs(sum)([])).toEqual(new Map());
});

test('mergeByKey: merges entries in the order of the keys', () => {
  const answers = [
    [['x'], []],
    [['y'], ['x']],
  ];
  expect(mergeByKey(['a', 'b'], concatenate)(answers)).toEqual(
    new Map([
      ['a', ['x', 'y']],
      ['b', ['x']],
    ]),
  );
});

test('mergeByKey: the map has every key without an answer', () => {
  expect(mergeByKey(['a', 'b'], anyTrue)([])).toEqual(
    new Map([
      ['a', false],
      ['b', false],
    ]),
  );
});

test('toUidState: one connected client makes a uid online, a parked one away', () => {
  const gone = { isOnline: false, isParked: false, agoMs: undefined };
  const online = { isOnline: true, isParked: false, agoMs: 9000 };
  const parked = { isOnline: false, isParked: true, agoMs: 2000 };
  expect(toUidState([gone, parked, online])).toEqual({ state: 'online', lastSeen: undefined });
  expect(toUidState([])).toEqual({ state: 'offline', lastSeen: undefined });
  expect(toUidState([gone])).toEqual({ state: 'offline', lastSeen: undefined });
  const now = Date.now();
  const { state, lastSeen } = toUidState([{ ...gone, agoMs: 5000 }, parked, gone]);
  expect(state).toBe('away');
  expect(lastSeen?.getTime()).toBeGreaterThanOrEqual(now - 2000);
  expect(lastSeen?.getTime()).toBeLessThan(now);
});
