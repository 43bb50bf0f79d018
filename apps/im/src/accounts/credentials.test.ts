import { expect, test } from 'vitest';
import { checkName, checkPassword, checkPhone, toNameKey, toPhone } from './credentials.ts';

test.each(['Tom', 'tom.jones_2', '李雷', 'Zoë', 'नमस्ते', 'a1', 'x'.repeat(32)])(
  'credentials: %s is accepted as a name',
  (name) => {
    expect(checkName(name)).toBe(name.normalize('NFC'));
  },
);

test.each([
  '',
  'x',
  '123456',
  '+49301234',
  'a b',
  'a/b',
  '<b>',
  'tom\u202e',
  '😀😀',
  'x'.repeat(33),
  'ﷺ'.repeat(20),
])('credentials: %j is rejected as a name', (name) => {
  expect(() => checkName(name)).toThrow('A name has 2 to 32');
});

test('credentials: names are equal in upper and lower case and in any composition', () => {
  expect(toNameKey('ZOE\u0308')).toBe(toNameKey('zoë'));
  expect(toNameKey('Ｔｏｍ')).toBe('tom');
});

test('credentials: a phone number is reduced to its digits', () => {
  expect(checkPhone('+49 (30) 123-45.67')).toBe('+49301234567');
  expect(toPhone('030 1234')).toBe('0301234');
  for (const text of ['', '12345', '1234567890123456', 'tom', '+', '49+301234', '１２３４５６']) {
    expect(() => checkPhone(text)).toThrow('6 to 15 digits');
  }
});

test('credentials: a password has 8 to 128 characters', () => {
  expect(checkPassword('12345678')).toBe('12345678');
  for (const text of ['', '1234567', 'x'.repeat(129)]) {
    expect(() => checkPassword(text)).toThrow('8 to 128');
  }
});
