import { expect, test } from 'vitest';
import { LineReader } from './line-reader.ts';

test('line reader: returns each line once it is complete', () => {
  const reader = new LineReader(100);
  expect(reader.push('a')).toEqual([]);
  expect(reader.push('b\nc\n')).toEqual(['ab', 'c']);
  expect(reader.push('\nd')).toEqual(['']);
  expect(reader.push('\n')).toEqual(['d']);
});

test('line reader: rejects a line that is too long, complete or not', () => {
  expect(new LineReader(3).push('abcd\n')).toBe(undefined);
  expect(new LineReader(3).push('abcd')).toBe(undefined);
  expect(new LineReader(3).push('abc\nabc')).toEqual(['abc']);
});
