import { expect, test } from 'vitest';
import { cpuRatio, findRegressions, parseBaseline } from './baseline.ts';
import { scenarios } from './scenarios.ts';
import { summarize } from './summarize.ts';

const [scenario] = scenarios;

test('baseline: the ratio is CPU time of the plain server by that of the framework', () => {
  if (scenario === undefined) throw new Error('there is no scenario');
  const result = summarize(scenario, [
    { contender: 'raw-ws', title: 'raw', rounds: [{ cpuMicrosPerMessage: 8 }] },
    { contender: 'gatewayworker-1x1', title: 'own', rounds: [{ cpuMicrosPerMessage: 2 }] },
  ]);
  expect(cpuRatio(result)).toBe(4);
});

test('baseline: a failed contender is an error with its reason', () => {
  if (scenario === undefined) throw new Error('there is no scenario');
  const result = summarize(scenario, [
    { contender: 'raw-ws', title: 'raw', rounds: [{ cpuMicrosPerMessage: 8 }] },
    { contender: 'gatewayworker-1x1', title: 'own', rounds: [], failure: 'it has ended' },
  ]);
  expect(() => cpuRatio(result)).toThrow('own failed: it has ended');
});

test('baseline: a ratio that lost more than 30 % is a regression', () => {
  const baseline = { a: 10, b: 10, c: 10 };
  expect(findRegressions(baseline, { a: 7.01, b: 6.9, c: 12 })).toEqual([
    { scenario: 'b', expected: 10, measured: 6.9 },
  ]);
});

test('baseline: a scenario without a baseline is an error', () => {
  expect(() => findRegressions({}, { a: 1 })).toThrow("'a' has no baseline");
});

test('baseline: contains numbers above 0', () => {
  expect(parseBaseline('{"a": 2.5}')).toEqual({ a: 2.5 });
  expect(() => parseBaseline('{"a": 0}')).toThrow("the baseline of 'a' is 0, not a number above 0");
  expect(() => parseBaseline('{"a": "2"}')).toThrow('the baseline of \'a\' is "2"');
  expect(() => parseBaseline('null')).toThrow('not an object');
});
