import { expect, test } from 'vitest';
import { microsSince, readSendTime, SEND_TIME_LENGTH, writeSendTime } from './send-time.ts';

test('reads what it has written, in characters that JSON leaves alone', () => {
  for (let micros = 1; micros < 2 ** 35; micros = Math.ceil(micros * 1.7)) {
    const buffer = Buffer.alloc(SEND_TIME_LENGTH + 2, 'x');
    writeSendTime(buffer, 1, micros);
    expect(readSendTime(buffer, 1)).toBe(micros);
    const text = buffer.toString('latin1');
    expect(text).toMatch(/^x[0-O]{7}x$/);
    expect(JSON.stringify(text)).toBe(`"${text}"`);
  }
});

test('a time passes over the end of the range', () => {
  const buffer = Buffer.alloc(SEND_TIME_LENGTH);
  writeSendTime(buffer, 0, 5 * 2 ** 35 - 100);
  expect(microsSince(readSendTime(buffer, 0), 5 * 2 ** 35 + 250.9)).toBe(350);
});

test('no time that has passed is below zero', () => {
  expect(microsSince(1000, 999)).toBe(0);
});
