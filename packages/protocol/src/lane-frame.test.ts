import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  readLanePosition,
  writeLaneAdopted,
  writeLaneGap,
  writeLaneStarted,
  writeReplay,
} from './lane-frame.ts';
import { PayloadFlag, readFlags, readOffset } from './payload.ts';
import { readRequestNumber } from './send-frame.ts';

function write(writeFrame: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  writeFrame(writer);
  return writer.buffer.subarray(0, writer.length);
}

/** A reader of the body of one frame. */
function bodyOf(frame: Buffer): ByteReader {
  return new ByteReader().reset(frame, 5, frame.length);
}

const position = { source: 7, offset: 0x1_0000_0002 };
const send = { ...position, requestId: 3, number: 0, payload: 'hi', isFailed: false };

test.each<[string, (writer: ByteWriter) => void, string[]]>([
  [
    'LaneStarted',
    (writer) => writeLaneStarted(writer, position),
    ['0000000d', '91', '00000007', '0000000100000002'],
  ],
  [
    'LaneGap',
    (writer) => writeLaneGap(writer, position),
    ['0000000d', '97', '00000007', '0000000100000002'],
  ],
  [
    'LaneAdopted',
    (writer) => writeLaneAdopted(writer, position),
    ['0000000d', '99', '00000007', '0000000100000002'],
  ],
  [
    'Replay of a message',
    (writer) => writeReplay(writer, send),
    ['0000001c', '93', '00000003', '00000007', '00'.repeat(8), '04', '0000000100000002', '6869'],
  ],
  [
    'Replay of a failed reply',
    (writer) =>
      writeReplay(writer, { ...send, number: 9, payload: Uint8Array.of(1), isFailed: true }),
    ['0000001b', '93', '00000003', '00000007', '0000000000000009', '0d', '0000000100000002', '01'],
  ],
])('lane frames: %s has the documented bytes', (_what, writeFrame, expected) => {
  expect(write(writeFrame).toString('hex')).toBe(expected.join(''));
});

const source = fc.integer({ min: 1, max: 0xffff_ffff });
const offset = fc.maxSafeNat();

test('LaneStarted: the position is read back', () => {
  fc.assert(
    fc.property(fc.record({ source, offset }), (started) => {
      const frame = write((writer) => writeLaneStarted(writer, started));
      expect(readLanePosition(bodyOf(frame))).toEqual(started);
    }),
  );
});

test('Replay: every field is read back', () => {
  const field = { source, requestId: source, number: offset, isFailed: fc.boolean() };
  const sends = fc.record({
    ...field,
    offset: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    payload: fc.string(),
  });
  fc.assert(
    fc.property(sends, (replayed) => {
      const reader = bodyOf(write((writer) => writeReplay(writer, replayed)));
      expect([reader.readU32(), reader.readU32()]).toEqual([replayed.requestId, replayed.source]);
      expect(readRequestNumber(reader)).toBe(replayed.number);
      const flags = readFlags(reader);
      expect(readOffset(reader, flags)).toBe(replayed.offset);
      expect((flags & PayloadFlag.Failed) !== 0).toBe(replayed.isFailed);
      expect(reader.readRestUtf8()).toBe(replayed.payload);
    }),
  );
});

test('readLanePosition: refuses an offset above 2^53 - 1', () => {
  const reader = new ByteReader().reset(Buffer.alloc(12, 0xff), 0, 12);
  expect(() => readLanePosition(reader)).toThrow('exceeds 2^53 - 1');
});
