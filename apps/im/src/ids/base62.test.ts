import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBase62, randomCode, toBase62 } from './base62.ts';

test('base62: every 64-bit number has one encoding of at most 11 characters', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
      const text = toBase62(value);
      expect(text).toMatch(/^[0-9a-zA-Z]{1,11}$/);
      expect(fromBase62(text)).toBe(value);
    }),
  );
  expect(['0', '61', '62', '18446744073709551615'].map((text) => toBase62(BigInt(text)))).toEqual([
    ...['0', 'Z', '10', 'lYGhA16ahyf'],
  ]);
});

test('base62: other texts decode to undefined', () => {
  for (const text of ['', 'ZZZZZZZZZZZ', 'lYGhA16ahyg', '00', '-1', 'a b', 'ä', 'x'.repeat(12)]) {
    expect(fromBase62(text)).toBeUndefined();
  }
});

test('base62: random codes differ and decode', () => {
  const codes = new Set(Array.from({ length: 1000 }, randomCode));
  expect(codes.size).toBe(1000);
  for (const code of codes) expect(fromBase62(code)).toBeDefined();
});
