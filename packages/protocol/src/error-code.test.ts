import { expect, test } from 'vitest';
import { errorCodes, isErrorCode } from './error-code.ts';

test('begins every code with GW_ERR_ and gives it a message', () => {
  for (const [code, entry] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^GW_ERR(?:_[A-Z]+)+$/);
    expect(entry.message.trim()).not.toBe('');
    expect(typeof entry.retryable).toBe('boolean');
  }
});

test('lists the codes in alphabetical order', () => {
  expect(Object.keys(errorCodes)).toEqual(Object.keys(errorCodes).toSorted());
});

test('gives no message to two codes', () => {
  const messages = Object.values(errorCodes).map((entry) => entry.message);
  expect(new Set(messages).size).toBe(messages.length);
});

test('knows its own codes', () => {
  for (const code of Object.keys(errorCodes)) expect(isErrorCode(code)).toBe(true);
});

test.each([
  '',
  'GW_ERR_',
  'gw_err_phase',
  'toString',
  '__proto__',
  'constructor',
  7,
  null,
  undefined,
  {},
])('knows no code %j', (value) => {
  expect(isErrorCode(value)).toBe(false);
});
