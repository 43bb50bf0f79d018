import { expect, test } from 'vitest';
import { CloseCode, isSendableCloseCode, MAX_CLOSE_REASON_BYTES } from './close-code.ts';

test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])(
  'isSendableCloseCode: allows the registered code %i',
  (code) => {
    expect(isSendableCloseCode(code)).toBe(true);
  },
);

test.each([3000, 3999, 4000, 4999])(
  'isSendableCloseCode: allows the application code %i',
  (code) => {
    expect(isSendableCloseCode(code)).toBe(true);
  },
);

test.each([1004, 1005, 1006, 1015])('isSendableCloseCode: refuses the reserved code %i', (code) => {
  expect(isSendableCloseCode(code)).toBe(false);
});

test.each([-1, 0, 999, 1016, 2000, 2999, 5000, 65_535, 65_536, 1000.5, Number.NaN, Infinity])(
  'isSendableCloseCode: refuses %d',
  (code) => {
    expect(isSendableCloseCode(code)).toBe(false);
  },
);

test('CloseCode: every code is sendable', () => {
  expect(Object.values(CloseCode).filter((code) => !isSendableCloseCode(code))).toEqual([]);
});

test('MAX_CLOSE_REASON_BYTES: with the code, fills a control frame of 125 bytes', () => {
  expect(MAX_CLOSE_REASON_BYTES + 2).toBe(125);
});
