import { packValue } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import {
  parseBoolean,
  parseCount,
  parseList,
  parseOptionalString,
  parsePairs,
  parseSessionAnswer,
  parseSessions,
  parseStrings,
} from './answer.ts';

test('answers: accepts answers of the right type', () => {
  expect([parseBoolean(true), parseBoolean(false)]).toEqual([true, false]);
  expect([parseCount(0), parseCount(7)]).toEqual([0, 7]);
  expect([parseOptionalString(null), parseOptionalString('')]).toEqual([null, '']);
  expect(parseStrings([])).toEqual([]);
  expect(parseStrings(['a', ''])).toEqual(['a', '']);
  expect(parseList(parseCount, 2)([0, 7])).toEqual([0, 7]);
  expect(parsePairs(parseStrings)([['a', ['x']]])).toEqual([['a', ['x']]]);
  expect(parsePairs(parseStrings)([])).toEqual([]);
});

const malformed = expect.objectContaining({
  name: 'GatewayWorkerError',
  code: 'GW_ERR_FRAME_MALFORMED',
});

test.each<[string, (answer: unknown) => unknown, unknown[]]>([
  ['a boolean', parseBoolean, [undefined, null, 0, 1, 'true', {}]],
  ['a count', parseCount, [undefined, null, -1, 1.5, Number.NaN, Infinity, '1', [], 1n]],
  ['a string or null', parseOptionalString, [undefined, 1, {}, ['a']]],
  ['a list of strings', parseStrings, [undefined, null, 'a', {}, [1], ['a', null]]],
  ['a list of one count', parseList(parseCount, 1), [undefined, null, 1, {}, [], [1, 2], ['1']]],
  [
    'a list of pairs',
    parsePairs(parseCount),
    [undefined, null, {}, ['a'], [['a']], [['a', 1, 2]], [[1, 1]], [['a', '1']], [['a', 1], null]],
  ],
  ['a session', parseSessionAnswer, [undefined, 1, 'x', [], { session: 'x' }, { session: {} }]],
  [
    'a list of sessions',
    parseSessions,
    [null, {}, [[]], [['a']], [['a', 1]], [[1, null]], [['a', null, null]], ['a']],
  ],
])('answers: refuses an answer that is not %s', (_what, parse, answers) => {
  for (const answer of answers) expect(() => parse(answer)).toThrow(malformed);
});

test('answers: null for an unknown client, undefined for a session never set', () => {
  expect(parseSessionAnswer(null)).toBeNull();
  expect(parseSessionAnswer({ session: null })).toBeUndefined();
  expect(parseSessionAnswer({})).toBeUndefined();
  expect(parseSessionAnswer({ session: packValue({ a: 1 }) })).toEqual({ a: 1 });
});

test('answers: returns sessions by client id', () => {
  const answer = [
    ['a', packValue({ x: [1] })],
    ['b', null],
  ];
  expect(parseSessions(answer)).toEqual([
    ['a', { x: [1] }],
    ['b', undefined],
  ]);
});

test('answers: refuses a session that is not msgpack', () => {
  const bytes = Buffer.from('82', 'hex');
  expect(() => parseSessionAnswer({ session: bytes })).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});
