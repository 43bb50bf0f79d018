import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readReceived, writeReceived } from './link-frame.ts';

test('readReceived: returns a position of more than 32 bits', () => {
  const writer = new ByteWriter();
  writeReceived(writer, 0x1_2345_6789_ab);
  const frame = writer.buffer.subarray(0, writer.length);
  expect(frame.toString('hex')).toBe('000000090a00000123456789ab');
  const reader = new ByteReader();
  reader.reset(frame, 5, frame.length);
  expect(readReceived(reader)).toBe(0x1_2345_6789_ab);
});

test('readReceived: refuses a position above 2^53 - 1', () => {
  const reader = new ByteReader();
  reader.reset(Buffer.alloc(8, 0xff), 0, 8);
  expect(() => readReceived(reader)).toThrow('exceeds 2^53 - 1');
});
