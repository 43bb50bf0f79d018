import { expect, test } from 'vitest';
import {
  anyTrue,
  concatenate,
  countUnique,
  joinByKey,
  joinPairs,
  sum,
  toMap,
  unique,
} from './join.ts';

test('joins what several gateways say of one thing', () => {
  expect([anyTrue([false, true]), anyTrue([false, false]), anyTrue([])]).toEqual([
    true,
    false,
    false,
  ]);
  expect([sum([1, 20, 300]), sum([])]).toEqual([321, 0]);
  expect(concatenate([['a', 'b'], [], ['c']])).toEqual(['a', 'b', 'c']);
});

test('takes what two gateways have for one', () => {
  const lists = [['a', 'b'], [], ['c', 'b']];
  expect(unique(lists)).toEqual(['a', 'b', 'c']);
  expect(countUnique(lists)).toBe(3);
  expect([unique([]), countUnique([])]).toEqual([[], 0]);
});

test('makes a map of pairs', () => {
  expect(toMap([[['a', 1]], [], [['b', undefined]]])).toEqual(
    new Map([
      ['a', 1],
      ['b', undefined],
    ]),
  );
});

test('joins pairs key by key', () => {
  const answers = [
    [
      ['a', 1],
      ['__proto__', 2],
    ],
    [['a', 10]],
  ] as const;
  expect(joinPairs(sum)(answers)).toEqual(
    new Map([
      ['a', 11],
      ['__proto__', 2],
    ]),
  );
  expect(joinPairs(sum)([])).toEqual(new Map());
});

test('joins entries that stand in the order of the keys', () => {
  const answers = [
    [['x'], []],
    [['y'], ['x']],
  ];
  expect(joinByKey(['a', 'b'], concatenate)(answers)).toEqual(
    new Map([
      ['a', ['x', 'y']],
      ['b', ['x']],
    ]),
  );
});

test('has every key in the map when nobody has answered', () => {
  expect(joinByKey(['a', 'b'], anyTrue)([])).toEqual(
    new Map([
      ['a', false],
      ['b', false],
    ]),
  );
});
