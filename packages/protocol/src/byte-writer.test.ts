import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** Characters of one to four bytes of UTF-8. */
const unit = fc.constantFrom('a', '\0', 'é', '€', '😀');

function written(writer: ByteWriter): string {
  return writer.buffer.toString('hex', 0, writer.length);
}

test('ByteWriter: writes integers big-endian', () => {
  const writer = new ByteWriter();
  writer.writeU8(0xfe);
  writer.writeU16(0x1234);
  writer.writeU32(0xdeadbeef);
  expect(written(writer)).toBe('fe1234deadbeef');
});

test('ByteWriter: writes the largest and the smallest integers', () => {
  const writer = new ByteWriter();
  writer.writeU8(0);
  writer.writeU8(255);
  writer.writeU16(0);
  writer.writeU16(65_535);
  writer.writeU32(0);
  writer.writeU32(4_294_967_295);
  expect(written(writer)).toBe('00ff0000ffff00000000ffffffff');
});

test('setU32: overwrites four bytes and leaves the rest', () => {
  const writer = new ByteWriter();
  writer.writeBytes(Buffer.from('0102030405060708', 'hex'));
  writer.setU32(2, 0xa1b2c3d4);
  expect(written(writer)).toBe('0102a1b2c3d40708');
});

test('writeBytes: writes a range of the source', () => {
  const writer = new ByteWriter();
  writer.writeBytes(Buffer.from('0102030405', 'hex'), 1, 4);
  expect(written(writer)).toBe('020304');
});

test.each([31, 32, 33, 1000])(
  'writeBytes: writes %i bytes from the middle of a larger buffer',
  (size) => {
    const source = Buffer.from(Array.from({ length: size + 20 }, (_, index) => index & 255));
    const writer = new ByteWriter();
    writer.writeU8(7);
    writer.writeBytes(source, 10, 10 + size);
    expect(written(writer)).toBe(`07${source.toString('hex', 10, 10 + size)}`);
  },
);

test('ByteWriter: writes text as UTF-8, with or without its byte length', () => {
  const writer = new ByteWriter();
  writer.writeUtf8('aé€😀');
  expect(written(writer)).toBe('61c3a9e282acf09f9880');
  writer.length = 0;
  writer.writeShortString('aé€😀');
  expect(written(writer)).toBe('000a61c3a9e282acf09f9880');
});

test('ByteWriter: makes room for text with more bytes than characters', () => {
  for (let room = 1; room < 12; room++) {
    const writer = new ByteWriter(room);
    writer.writeShortString('€€€');
    expect(written(writer)).toBe(`0009${'e282ac'.repeat(3)}`);
    const other = new ByteWriter(room);
    other.writeUtf8('€€€');
    expect(written(other)).toBe('e282ac'.repeat(3));
  }
});

test('writeUtf8: replaces an unpaired surrogate', () => {
  const writer = new ByteWriter();
  writer.writeShortString('\ud83d');
  expect(written(writer)).toBe('0003efbfbd');
});

test('ByteWriter: growth keeps the written bytes', () => {
  const writer = new ByteWriter();
  for (let value = 0; value < 10_000; value++) writer.writeU32(value);
  expect(writer.length).toBe(40_000);
  const reader = new ByteReader().reset(writer.buffer, 0, writer.length);
  for (let value = 0; value < 10_000; value++) expect(reader.readU32()).toBe(value);
});

test('ByteWriter: without a capacity, allocates at the first write', () => {
  expect(new ByteWriter().buffer.length).toBe(0);
});

test('ByteWriter: does not grow within its initial capacity', () => {
  const writer = new ByteWriter(16);
  const first = writer.buffer;
  writer.writeBytes(Buffer.alloc(16, 1));
  expect(writer.buffer).toBe(first);
  writer.writeU8(2);
  expect(writer.buffer).not.toBe(first);
  expect(written(writer)).toBe(`${'01'.repeat(16)}02`);
});

test('ByteWriter: growth at least doubles the capacity', () => {
  const writer = new ByteWriter();
  let growths = 0;
  let last = writer.buffer;
  for (let i = 0; i < 100_000; i++) {
    writer.writeU8(i);
    if (writer.buffer === last) continue;
    growths += 1;
    last = writer.buffer;
  }
  expect(growths).toBeLessThan(12);
  expect(writer.buffer.length).toBeLessThan(2 * 131_072);
});

test('ByteWriter: ByteReader reads back any sequence of fields', () => {
  const write = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
    fc.record({ kind: fc.constant('u16' as const), value: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffff_ffff) }),
    fc.record({
      kind: fc.constant('text' as const),
      value: fc.string({ unit, maxLength: 300 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(write), fc.uint8Array({ maxLength: 300 }), (writes, rest) => {
      const writer = new ByteWriter();
      for (const { kind, value } of writes) {
        if (kind === 'u8') writer.writeU8(value);
        else if (kind === 'u16') writer.writeU16(value);
        else if (kind === 'u32') writer.writeU32(value);
        else writer.writeShortString(value);
      }
      writer.writeBytes(rest);
      const reader = new ByteReader().reset(writer.buffer, 0, writer.length);
      for (const { kind, value } of writes) {
        if (kind === 'u8') expect(reader.readU8()).toBe(value);
        else if (kind === 'u16') expect(reader.readU16()).toBe(value);
        else if (kind === 'u32') expect(reader.readU32()).toBe(value);
        else expect(reader.readShortString()).toBe(value);
      }
      expect(Buffer.compare(reader.readRestBytes(), rest)).toBe(0);
      expect(reader.offset).toBe(reader.end);
    }),
  );
});

test('writeShortString: accepts 65,535 bytes and refuses more', () => {
  const writer = new ByteWriter();
  writer.writeShortString('x'.repeat(65_535));
  const { length } = writer;
  for (const text of ['x'.repeat(65_536), 'é'.repeat(32_768), 'x'.repeat(131_072)]) {
    expect(() => writer.writeShortString(text)).toThrow(RangeError);
    expect(writer.length).toBe(length);
  }
});
