import { expect, test } from 'vitest';
import { toLine, toText } from './text.ts';

test('toLine: control characters and whitespace become single spaces', () => {
  expect(toLine('  Tom\t \n Jones\u202e\u0000 ')).toBe('Tom Jones');
  expect(toLine('\u200f \ufeff')).toBe('');
});

test('toText: keeps line breaks and emoji sequences', () => {
  expect(toText('  a\r\nb\rc\td\u0000 \n')).toBe('a\nb\nc\td');
  expect(toText('👩‍👩‍👧‍👦 🏳️‍🌈')).toBe('👩‍👩‍👧‍👦 🏳️‍🌈');
});

test('toText, toLine: lone surrogates are removed', () => {
  expect(toText('a\ud83db')).toBe('ab');
  expect(toLine('a\udc00b')).toBe('a b');
});
