import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { FrameError } from './frame-error.ts';

/** A reader whose body has other bytes before and after it. */
function readerOf(hex: string): ByteReader {
  const buffer = Buffer.from(`ffff${hex}ffffffffffffffff`, 'hex');
  return new ByteReader().reset(buffer, 2, 2 + hex.length / 2);
}

test('ByteReader: integers are unsigned and big-endian', () => {
  const reader = readerOf('80ff00ffffffff');
  expect(reader.readU8()).toBe(0x80);
  expect(reader.readU16()).toBe(0xff00);
  expect(reader.readU32()).toBe(0xffff_ffff);
  expect(reader.offset).toBe(reader.end);
});

test('readShortString: reads its length in bytes and leaves the rest', () => {
  const reader = readerOf('0003e282ac07');
  expect(reader.readShortString()).toBe('€');
  expect(reader.readU8()).toBe(7);
});

test('readShortString: reads an empty string', () => {
  expect(readerOf('0000').readShortString()).toBe('');
});

test('readRestUtf8: reads up to the end, then an empty string', () => {
  const reader = readerOf('016162');
  reader.readU8();
  expect(reader.readRestUtf8()).toBe('ab');
  expect(reader.readRestUtf8()).toBe('');
});

test('readRestBytes: returns a view of the same memory', () => {
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
])('ByteReader: %s past the end of the body throws', (_what, hex, read) => {
  expect(() => read(readerOf(hex))).toThrow(malformed);
});

test('ByteReader: a field that does not fit leaves the offset unchanged', () => {
  const reader = readerOf('010203');
  expect(() => reader.readU32()).toThrow(FrameError);
  expect(reader.readU16()).toBe(0x0102);
});

test('readCount: accepts entries that fit exactly', () => {
  const reader = readerOf('00000002aaaabbbb');
  expect(reader.readCount(2)).toBe(2);
  expect(reader.readU16()).toBe(0xaaaa);
});

test.each(['00000003aaaabbbb', 'ffffffffaaaabbbb'])(
  'readCount: refuses more entries than bytes: %s',
  (hex) => {
    expect(() => readerOf(hex).readCount(2)).toThrow(malformed);
  },
);

test('ByteReader: reset points it at the next body', () => {
  const reader = readerOf('01');
  expect(reader.readU8()).toBe(1);
  const next = Buffer.from('0203', 'hex');
  expect(reader.reset(next, 1, 2)).toBe(reader);
  expect(reader.readU8()).toBe(3);
  expect(() => reader.readU8()).toThrow(malformed);
});

test('ByteReader: random reads stay in the body and throw only FrameError', () => {
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

test('readRestName: reads a name of 65,535 bytes and refuses a longer one', () => {
  const read = (byteLength: number): string =>
    new ByteReader().reset(Buffer.alloc(byteLength, 'x'), 0, byteLength).readRestName();
  expect(read(65_535)).toHaveLength(65_535);
  expect(() => read(65_536)).toThrow('a name takes 65536 bytes; allowed: 1 to 65535');
});
