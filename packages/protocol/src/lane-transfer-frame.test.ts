import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { FrameError } from './frame-error.ts';
import {
  beginLaneTransfer,
  endLaneTransfer,
  forwardLaneTransfer,
  LaneTransferState,
  readLaneSend,
  readLaneTransfer,
  readLaneTransferState,
  type TransferredSend,
  writeLaneSend,
  writeLaneTransferState,
} from './lane-transfer-frame.ts';

const header = {
  source: 7,
  isFirst: true,
  offset: 0x1_0000_0002,
  evictedAgeMs: Number.POSITIVE_INFINITY,
  endedAgeMs: 5,
};

function transferOf(given: typeof header, sends: readonly TransferredSend[], isLast = false) {
  const writer = new ByteWriter();
  const start = beginLaneTransfer(writer, given);
  for (const send of sends) writeLaneSend(writer, send);
  endLaneTransfer(writer, start, { count: sends.length, isLast });
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

function bodyOf(frame: Buffer): ByteReader {
  return new ByteReader().reset(frame, 5, frame.length);
}

test('LaneTransfer: has the documented bytes', () => {
  const send: TransferredSend = {
    ageMs: 3,
    number: 9,
    isFailed: true,
    receivers: {
      kind: 'groups',
      groups: ['g'],
      excluded: [{ gatewayToken: 1, connection: 2, nonceHigh: 3, nonceLow: 4 }],
    },
    payload: 'hi',
  };
  const expected = [
    ...['00000049', '98', '00000007', '03', '0000000100000002', '00000001', 'ffffffff', '00000005'],
    ...['00000003', '0000000000000009', '02', '00000001', '000167'],
    ...['00000001', '00000001', '00000002', '00000003', '00000004', '00000002', '08', '6869'],
  ];
  expect(transferOf(header, [send], true).toString('hex')).toBe(expected.join(''));
});

test('LaneTransferState: has the documented bytes, and an unknown state is declined', () => {
  const writer = new ByteWriter();
  writeLaneTransferState(writer, 7, LaneTransferState.Taken);
  const frame = Buffer.from(writer.buffer.subarray(0, writer.length));
  expect(frame.toString('hex')).toBe('000000069a0000000702');
  expect(readLaneTransferState(bodyOf(frame))).toEqual({ source: 7, state: 2 });
  frame[9] = 9;
  expect(readLaneTransferState(bodyOf(frame))).toEqual({ source: 7, state: 0 });
});

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const client = fc.record({ gatewayToken: u32, connection: u32, nonceHigh: u32, nonceLow: u32 });
const clients = fc.array(client, { maxLength: 3 });
const names = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 });
const receivers = fc.oneof(
  fc.record({ kind: fc.constant('clients' as const), clients }),
  fc.record({ kind: fc.constant('uids' as const), uids: names }),
  fc.record({ kind: fc.constant('groups' as const), groups: names, excluded: clients }),
  fc.record({ kind: fc.constant('all' as const), excluded: clients }),
);
const payload = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const send = fc.record({
  ageMs: u32,
  number: fc.maxSafeNat(),
  isFailed: fc.boolean(),
  receivers,
  payload,
});
const given = fc.record({
  source: fc.integer({ min: 1, max: 0xffff_ffff }),
  isFirst: fc.boolean(),
  offset: fc.nat(),
  evictedAgeMs: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY)),
  endedAgeMs: fc.nat(),
});

test('LaneTransfer: every field is read back, also from a frame that was passed on', () => {
  fc.assert(
    fc.property(given, fc.array(send), fc.boolean(), (lane, sends, isLast) => {
      const frame = transferOf(lane, sends, isLast);
      const writer = new ByteWriter();
      forwardLaneTransfer(writer, bodyOf(frame));
      const copy = Buffer.from(writer.buffer.subarray(0, writer.length));
      expect(copy).toEqual(frame);
      const reader = bodyOf(copy);
      expect(readLaneTransfer(reader)).toEqual({ ...lane, isLast, count: sends.length });
      expect(sends.map(() => readLaneSend(reader))).toEqual(sends);
      expect(reader.offset).toBe(reader.end);
    }),
  );
});

test('LaneTransfer: a truncated send is malformed, whatever is missing', () => {
  fc.assert(
    fc.property(send, fc.nat(), (one, cut) => {
      const frame = transferOf(header, [one]);
      const headerBytes = transferOf(header, []).length;
      const length = headerBytes + (cut % (frame.length - headerBytes));
      const reader = new ByteReader().reset(frame, 5, length);
      readLaneTransfer(reader);
      expect(() => readLaneSend(reader)).toThrow(FrameError);
    }),
  );
});

test('LaneTransfer: the source 0 and an offset above 2^53 - 1 are malformed', () => {
  const frame = transferOf(header, []);
  frame.writeUInt32BE(0, 5);
  expect(() => readLaneTransfer(bodyOf(frame))).toThrow('source 0');
  const far = transferOf({ ...header, offset: Number.MAX_SAFE_INTEGER }, []);
  far.writeUInt32BE(1, 18);
  expect(() => readLaneTransfer(bodyOf(far))).toThrow('exceeds 2^53 - 1');
});
