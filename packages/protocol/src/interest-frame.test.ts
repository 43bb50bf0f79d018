import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { FrameDecoder } from './frame.ts';
import {
  InterestKind,
  readInterest,
  readInterestKnown,
  readJoinsApplied,
  writeInterestAdded,
  writeInterestKnown,
  writeInterestRemoved,
  writeInterestSubscribe,
  writeJoinsApplied,
} from './interest-frame.ts';

function hex(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
}

test('interest frames: have the documented bytes', () => {
  expect(hex(writeInterestSubscribe)).toBe('0000000170');
  expect(hex((writer) => writeInterestAdded(writer, InterestKind.Uid, ['a', 'bc']))).toBe(
    `00000009${'7100'}${'000161'}${'00026263'}`,
  );
  expect(hex((writer) => writeInterestRemoved(writer, InterestKind.Group, ['a']))).toBe(
    `00000005${'7201'}${'000161'}`,
  );
  expect(hex((writer) => writeInterestKnown(writer, InterestKind.Group, true))).toBe(
    `00000003${'730101'}`,
  );
  expect(hex((writer) => writeJoinsApplied(writer, 0x1_0000_0002))).toBe(
    `00000009${'74'}${'0000000100000002'}`,
  );
});

test('interest frames: are read back', () => {
  const names: string[] = [];
  const writer = new ByteWriter();
  writeInterestAdded(writer, InterestKind.Group, ['raum', 'zimmer ü']);
  readInterest(new ByteReader().reset(writer.buffer, 5, writer.length), (kind, name) =>
    names.push(`${kind} ${name}`),
  );
  expect(names).toEqual(['1 raum', '1 zimmer ü']);
  writer.length = 0;
  writeInterestKnown(writer, InterestKind.Uid, false);
  expect(readInterestKnown(new ByteReader().reset(writer.buffer, 5, writer.length))).toEqual({
    kind: InterestKind.Uid,
    isKnown: false,
  });
  writer.length = 0;
  writeJoinsApplied(writer, 7);
  expect(readJoinsApplied(new ByteReader().reset(writer.buffer, 5, writer.length))).toBe(7);
});

test('writeInterestAdded: many names take several frames, no names none', () => {
  expect(hex((writer) => writeInterestAdded(writer, InterestKind.Uid, []))).toBe('');
  const names = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(50_000));
  const writer = new ByteWriter();
  writeInterestRemoved(writer, InterestKind.Uid, names);
  const read: string[] = [];
  const sizes: number[] = [];
  new FrameDecoder((_command, buffer, start, end) => {
    sizes.push(end - start);
    readInterest(new ByteReader().reset(buffer, start, end), (_kind, name) => read.push(name));
    return undefined;
  }).push(writer.buffer.subarray(0, writer.length));
  expect(read).toEqual(names);
  expect(sizes).toHaveLength(3);
});

test('readInterest: refuses an unknown kind and a truncated name', () => {
  const read = (bytes: string) => () => {
    const buffer = Buffer.from(bytes, 'hex');
    readInterest(new ByteReader().reset(buffer, 0, buffer.length), () => undefined);
  };
  expect(read('02000161')).toThrow('unknown kind of interest 2');
  expect(read('00000561')).toThrow('a frame ends within a field');
});

test('writeInterestAdded: a name that is too long leaves no partial frame', () => {
  const writer = new ByteWriter();
  writeInterestAdded(writer, InterestKind.Group, ['a']);
  const { length } = writer;
  const names = ['b', 'x'.repeat(70_000)];
  expect(() => writeInterestAdded(writer, InterestKind.Group, names)).toThrow(RangeError);
  expect(writer.length).toBe(length);
});
