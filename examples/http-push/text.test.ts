import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toLine } from './text.ts';

test('toLine: whitespace and control characters become single spaces', () => {
  expect(toLine('  Ada\n\u202eLovelace\u0000 ')).toBe('Ada Lovelace');
  expect(toLine(' \n\u2028 ')).toBe('');
});

test('toLine: composed and decomposed letters are equal', () => {
  expect(toLine('Zoe\u0308')).toBe(toLine('Zo\u00eb'));
});

test('toLine: keeps emoji sequences and removes lone surrogates', () => {
  expect(toLine('👩‍🚀 Ada')).toBe('👩‍🚀 Ada');
  expect(toLine('Ada \ud83d')).toBe('Ada');
});

test('toLine: is idempotent, and its result can be encoded in a cookie', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = toLine(text);
      return toLine(line) === line && decodeURIComponent(encodeURIComponent(line)) === line;
    }),
  );
});
