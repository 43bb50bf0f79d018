import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { FrameError } from './frame-error.ts';

/** A reader whose body lies between bytes that are not its own. */
function readerOf(hex: string): ByteReader {
  const buffer = Buffer.from(`ffff${hex}ffffffffffffffff`, 'hex');
  return new ByteReader().reset(buffer, 2, 2 + hex.length / 2);
}

test('reads integers big-endian and unsigned', () => {
  const reader = readerOf('80ff00ffffffff');
  expect(reader.readU8()).toBe(0x80);
  expect(reader.readU16()).toBe(0xff00);
  expect(reader.readU32()).toBe(0xffff_ffff);
  expect(reader.offset).toBe(reader.end);
});

test('reads a string by its length and leaves what follows', () => {
  const reader = readerOf('0003e282ac07');
  expect(reader.readShortString()).toBe('€');
  expect(reader.readU8()).toBe(7);
});

test('reads an empty string', () => {
  expect(readerOf('0000').readShortString()).toBe('');
});

test('reads the rest as text', () => {
  const reader = readerOf('016162');
  reader.readU8();
  expect(reader.readRestUtf8()).toBe('ab');
  expect(reader.readRestUtf8()).toBe('');
});

test('reads the rest as a view of the same memory', () => {
  const reader = readerOf('0102');
  const rest = reader.readRestBytes();
  expect(rest.toString('hex')).toBe('0102');
  expect(rest.buffer).toBe(reader.buffer.buffer);
  expect(reader.readRestBytes()).toHaveLength(0);
});

const malformed = expect.objectContaining({
  name: 'FrameError',
  code: 'GW_ERR_FRAME_MALFORMED',
});

test.each<[string, string, (reader: ByteReader) => unknown]>([
  ['a byte', '', (reader) => reader.readU8()],
  ['16 bits', '01', (reader) => reader.readU16()],
  ['32 bits', '010203', (reader) => reader.readU32()],
  ['the length of a string', '00', (reader) => reader.readShortString()],
  ['a string', '00036162', (reader) => reader.readShortString()],
  ['a count', '000001', (reader) => reader.readCount(1)],
])('never reads %s past the end of the body, though the buffer goes on', (_what, hex, read) => {
  expect(() => read(readerOf(hex))).toThrow(malformed);
});

test('stays where it was when a field does not fit', () => {
  const reader = readerOf('010203');
  expect(() => reader.readU32()).toThrow(FrameError);
  expect(reader.readU16()).toBe(0x0102);
});

test('accepts a count whose entries fit exactly', () => {
  const reader = readerOf('00000002aaaabbbb');
  expect(reader.readCount(2)).toBe(2);
  expect(reader.readU16()).toBe(0xaaaa);
});

test.each(['00000003aaaabbbb', 'ffffffffaaaabbbb'])(
  'refuses a count that claims more entries than bytes: %s',
  (hex) => {
    expect(() => readerOf(hex).readCount(2)).toThrow(malformed);
  },
);

test('serves one body after the other', () => {
  const reader = readerOf('01');
  expect(reader.readU8()).toBe(1);
  const next = Buffer.from('0203', 'hex');
  expect(reader.reset(next, 1, 2)).toBe(reader);
  expect(reader.readU8()).toBe(3);
  expect(() => reader.readU8()).toThrow(malformed);
});

test('never reads outside its body and throws nothing but FrameError, whatever is read', () => {
  const reads: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.readU8(),
    (reader) => reader.readU16(),
    (reader) => reader.readU32(),
    (reader) => reader.readShortString(),
    (reader) => reader.readCount(3),
    (reader) => reader.readRestBytes(),
    (reader) => reader.readRestUtf8(),
  ];
  fc.assert(
    fc.property(fc.uint8Array(), fc.array(fc.constantFrom(...reads)), (bytes, steps) => {
      const reader = readerOf(Buffer.from(bytes).toString('hex'));
      const { end } = reader;
      for (const step of steps) {
        const before = reader.offset;
        try {
          step(reader);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
        expect(reader.offset).toBeGreaterThanOrEqual(before);
        expect(reader.offset).toBeLessThanOrEqual(end);
      }
    }),
  );
});

test('byte reader: reads a name of 65,535 bytes and refuses a longer one', () => {
  const read = (byteLength: number): string =>
    new ByteReader().reset(Buffer.alloc(byteLength, 'x'), 0, byteLength).readRestName();
  expect(read(65_535)).toHaveLength(65_535);
  expect(() => read(65_536)).toThrow('a name takes 65536 bytes; allowed: 1 to 65535');
});
