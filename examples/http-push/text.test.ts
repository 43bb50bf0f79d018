import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toLine } from './text.ts';

test('makes one tidy line', () => {
  expect(toLine('  Ada\n\u202eLovelace\u0000 ')).toBe('Ada Lovelace');
  expect(toLine(' \n\u2028 ')).toBe('');
});

test('two ways to write a letter are one', () => {
  expect(toLine('Zoe\u0308')).toBe(toLine('Zo\u00eb'));
});

test('keeps emoji whole and lets no half of one through', () => {
  expect(toLine('👩‍🚀 Ada')).toBe('👩‍🚀 Ada');
  expect(toLine('Ada \ud83d')).toBe('Ada');
});

test('whatever comes out stays as it is and can stand in a cookie', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = toLine(text);
      return toLine(line) === line && decodeURIComponent(encodeURIComponent(line)) === line;
    }),
  );
});
