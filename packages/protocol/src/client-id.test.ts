import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CLIENT_ID_FIELD_LIMIT, formatClientId, parseClientId } from './client-id.ts';

const field = fc.oneof(
  fc.constantFrom(0, 1, 63, 64, 2 ** 24 - 1, 2 ** 24, 2 ** 29, CLIENT_ID_FIELD_LIMIT - 1),
  fc.nat(CLIENT_ID_FIELD_LIMIT - 1),
);

const address = fc.record({
  gatewayToken: field,
  connection: field,
  nonceHigh: field,
  nonceLow: field,
});

test('formatClientId: parseClientId returns the same address', () => {
  fc.assert(
    fc.property(address, (expected) => {
      const clientId = formatClientId(expected);
      expect(clientId).toMatch(/^[A-Za-z0-9_-]{20}$/);
      expect(parseClientId(clientId)).toEqual(expected);
    }),
  );
});

test('parseClientId: an address has exactly one id', () => {
  const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
  const text = fc.string({ unit: fc.constantFrom(...characters), minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(text, (clientId) => {
      const parsed = parseClientId(clientId);
      expect(parsed === undefined ? undefined : formatClientId(parsed)).toBe(clientId);
    }),
  );
});

test('formatClientId: the token comes first, then connection and nonce', () => {
  const clientId = formatClientId({
    gatewayToken: 1,
    connection: 2 ** 30 - 1,
    nonceHigh: 62,
    nonceLow: 2 ** 24,
  });
  expect(clientId).toBe('AAAAB_____AAAA-BAAAA');
});

test.each(['', 'A', 'A'.repeat(19), 'A'.repeat(21), 'A'.repeat(40)])(
  'parseClientId: refuses text of another length: "%s"',
  (text) => {
    expect(parseClientId(text)).toBeUndefined();
  },
);

test.each([
  '+',
  '/',
  '=',
  ' ',
  '\0',
  '\n',
  '.',
  '@',
  '[',
  '`',
  '{',
  '\x7f',
  '\x80',
  'é',
  '€',
  '\ud83d',
])('parseClientId: refuses the character %j at any position', (character) => {
  for (let i = 0; i < 20; i++) {
    const text = 'A'.repeat(i) + character + 'A'.repeat(19 - i);
    expect(parseClientId(text)).toBeUndefined();
  }
});

test('parseClientId: random text gives numbers in range or undefined', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('A', '_', '+', '\x80', '€', '\ud83d') }),
    fc.string({ unit: 'binary-ascii', minLength: 20, maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, (clientId) => {
      const parsed = parseClientId(clientId);
      if (parsed === undefined) return;
      for (const value of Object.values(parsed)) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(CLIENT_ID_FIELD_LIMIT);
      }
    }),
  );
});
