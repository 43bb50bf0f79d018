import { expect, test } from 'vitest';
import { median, medianOf } from './measurement.ts';
import { scenarios } from './scenarios.ts';
import { summarize } from './summarize.ts';

const [scenario] = scenarios;

test('median: is the middle value, or the mean of the two middle values', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('median: is taken of each figure separately', () => {
  const rounds = [
    { messagesPerSecond: 10, p99Ms: 3 },
    { messagesPerSecond: 30, p99Ms: 1 },
    { messagesPerSecond: 20, p99Ms: 2 },
  ];
  expect(medianOf(rounds)).toEqual({ messagesPerSecond: 20, p99Ms: 2 });
});

test('summary: ratios compare each round with the first contender', () => {
  if (scenario === undefined) throw new Error('there is no scenario');
  // The second round was disturbed for both: a ratio of medians would be 2.
  const result = summarize(scenario, [
    { contender: 'a', title: 'A', rounds: [100, 10, 90].map((n) => ({ messagesPerSecond: n })) },
    { contender: 'b', title: 'B', rounds: [300, 30, 180].map((n) => ({ messagesPerSecond: n })) },
  ]);
  expect(result.reference).toBe('a');
  expect(result.contenders[0]?.ratios).toEqual({ messagesPerSecond: 1 });
  expect(result.contenders[1]?.ratios).toEqual({ messagesPerSecond: 3 });
});

test('summary: a contender that fails keeps its results of earlier rounds', () => {
  if (scenario === undefined) throw new Error('there is no scenario');
  const result = summarize(scenario, [
    { contender: 'a', title: 'A', rounds: [{ p99Ms: 1 }, { p99Ms: 3 }] },
    { contender: 'b', title: 'B', rounds: [{ p99Ms: 4 }], failure: 'it has ended' },
    { contender: 'c', title: 'C', rounds: [], failure: 'it does not start' },
  ]);
  expect(result.contenders.map(({ ratios }) => ratios)).toEqual([{ p99Ms: 1 }, { p99Ms: 4 }, {}]);
  expect(result.contenders.map(({ failure }) => failure)).toEqual([
    undefined,
    'it has ended',
    'it does not start',
  ]);
});
