import { expect, test } from 'vitest';
import { errorCodes, isErrorCode } from './error-code.ts';

test('errorCodes: every code begins with GW_ERR_ and has a message', () => {
  for (const [code, entry] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^GW_ERR(?:_[A-Z]+)+$/);
    expect(entry.message.trim()).not.toBe('');
    expect(typeof entry.retryable).toBe('boolean');
  }
});

test('errorCodes: codes are in alphabetical order', () => {
  expect(Object.keys(errorCodes)).toEqual(Object.keys(errorCodes).toSorted());
});

test('errorCodes: messages are unique', () => {
  const messages = Object.values(errorCodes).map((entry) => entry.message);
  expect(new Set(messages).size).toBe(messages.length);
});

test('isErrorCode: accepts every code', () => {
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
])('isErrorCode: refuses %j', (value) => {
  expect(isErrorCode(value)).toBe(false);
});
