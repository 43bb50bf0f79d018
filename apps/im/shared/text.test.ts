import { expect, test } from 'vitest';
import { toLine, toText } from './text.ts';

test('a line has no controls, no blanks around it and none doubled', () => {
  expect(toLine('  Tom\t \n Jones\u202e\u0000 ')).toBe('Tom Jones');
  expect(toLine('\u200f \ufeff')).toBe('');
});

test('a text keeps its lines, its emoji and their joiners', () => {
  expect(toText('  a\r\nb\rc\td\u0000 \n')).toBe('a\nb\nc\td');
  expect(toText('👩‍👩‍👧‍👦 🏳️‍🌈')).toBe('👩‍👩‍👧‍👦 🏳️‍🌈');
});

test('half of a character is dropped, which no database would take', () => {
  expect(toText('a\ud83db')).toBe('ab');
  expect(toLine('a\udc00b')).toBe('a b');
});
