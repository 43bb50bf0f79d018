import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readIsBinary, writePayload } from './payload.ts';

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

test('readIsBinary: ignores unknown flags', () => {
  for (let flags = 0; flags < 256; flags++) {
    const reader = new ByteReader().reset(Buffer.from([flags]), 0, 1);
    expect(readIsBinary(reader)).toBe(flags % 2 === 1);
  }
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
