import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { PayloadFlag, readFlags, readIsBinary, readOffset, writePayload } from './payload.ts';

/** Characters of one to four bytes of UTF-8. */
const unit = fc.constantFrom('a', '\0', 'é', '€', '😀');

function write(payload: string | Uint8Array): Buffer {
  const writer = new ByteWriter();
  writePayload(writer, payload);
  return writer.buffer.subarray(0, writer.length);
}

test.each<[string, string | Uint8Array, string]>([
  ['text', 'hé', '0068c3a9'],
  ['empty text', '', '00'],
  ['bytes', Uint8Array.of(0, 255), '0100ff'],
  ['no bytes', new Uint8Array(0), '01'],
  ['a Buffer', Buffer.from('hi'), '016869'],
])('writePayload: writes %s after a byte of flags', (_what, payload, expected) => {
  expect(write(payload).toString('hex')).toBe(expected);
});

test('writePayload: writes only the range of a view', () => {
  const view = new Uint8Array(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2);
  expect(write(view).toString('hex')).toBe('010203');
});

test('readIsBinary: ignores unknown flags and skips the offset', () => {
  for (let flags = 0; flags < 256; flags++) {
    const isNumbered = (flags & PayloadFlag.Numbered) !== 0;
    const payload = Buffer.from([flags, ...(isNumbered ? [0, 0, 0, 0, 0, 0, 0, 1] : []), 7]);
    const reader = new ByteReader().reset(payload, 0, payload.length);
    expect(readIsBinary(reader)).toBe(flags % 2 === 1);
    expect([...reader.readRestBytes()]).toEqual([7]);
  }
});

test('writePayload: writes the offset after the flags', () => {
  const writer = new ByteWriter();
  writePayload(writer, 'hi', 0x1_0000_0002, PayloadFlag.Failed);
  const written = writer.buffer.subarray(0, writer.length);
  expect(written.toString('hex')).toBe('0c00000001000000026869');
  const reader = new ByteReader().reset(written, 0, written.length);
  expect(readOffset(reader, readFlags(reader))).toBe(0x1_0000_0002);
  expect(reader.readRestUtf8()).toBe('hi');
});

test('readOffset: returns 0 without an offset, and refuses one above 2^53 - 1', () => {
  const reader = new ByteReader().reset(Buffer.alloc(8, 0xff), 0, 8);
  expect(readOffset(reader, 0)).toBe(0);
  expect(() => readOffset(reader, PayloadFlag.Numbered)).toThrow('exceeds 2^53 - 1');
});

test('payload: text is read back as text, bytes as bytes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit }), fc.uint8Array()), (payload) => {
      const written = write(payload);
      const reader = new ByteReader().reset(written, 0, written.length);
      if (readIsBinary(reader)) expect(new Uint8Array(reader.readRestBytes())).toEqual(payload);
      else expect(reader.readRestUtf8()).toBe(payload);
    }),
  );
});
