import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  readClose,
  writeApplySessionDelta,
  writeBindUid,
  writeCloseClient,
  writeCloseGroup,
  writeCloseUid,
  writeDestroyClient,
  writeJoinGroup,
  writeLeaveGroup,
  writeSetSession,
  writeUnbindUid,
  writeUngroup,
  writeUpdateSession,
} from './client-frame.ts';
import { readIsBinary } from './payload.ts';

/** Characters of one to four bytes of UTF-8. */
const unit = fc.constantFrom('a', '\0', 'é', '€', '😀');

const client = { connection: 1, nonceHigh: 2, nonceLow: 0x3fffffff };
const clientHex = '00000001000000023fffffff';

function write(writeFrame: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  writeFrame(writer);
  return writer.buffer.subarray(0, writer.length);
}

test.each<[string, (writer: ByteWriter) => void, string[]]>([
  [
    'CloseClient without a last message',
    (writer) => writeCloseClient(writer, client, { code: 1000, reason: '', payload: undefined }),
    ['00000012', '48', clientHex, '03e8', '0000', '00'],
  ],
  [
    'CloseClient with a reason and a last message',
    (writer) => writeCloseClient(writer, client, { code: 4001, reason: 'bé', payload: 'x' }),
    ['00000017', '48', clientHex, '0fa1', '000362c3a9', '01', '00', '78'],
  ],
  [
    'CloseClient with an empty last message',
    (writer) => writeCloseClient(writer, client, { code: 1000, reason: '', payload: '' }),
    ['00000013', '48', clientHex, '03e8', '0000', '01', '00'],
  ],
  [
    'CloseUid with a binary last message',
    (writer) => {
      writeCloseUid(writer, 'u1', { code: 1000, reason: '', payload: Uint8Array.of(9) });
    },
    ['0000000c', '4a', '00027531', '03e8', '0000', '01', '01', '09'],
  ],
  [
    'CloseGroup with a reason',
    (writer) => writeCloseGroup(writer, 'r1', { code: 4001, reason: 'b', payload: undefined }),
    ['0000000b', '4b', '00027231', '0fa1', '000162', '00'],
  ],
  ['DestroyClient', (writer) => writeDestroyClient(writer, client), ['0000000d', '49', clientHex]],
  ['BindUid', (writer) => writeBindUid(writer, client, 'é'), ['0000000f', '50', clientHex, 'c3a9']],
  ['UnbindUid', (writer) => writeUnbindUid(writer, client), ['0000000d', '51', clientHex]],
  [
    'JoinGroup',
    (writer) => writeJoinGroup(writer, client, 'r1'),
    ['0000000f', '52', clientHex, '7231'],
  ],
  [
    'LeaveGroup',
    (writer) => writeLeaveGroup(writer, client, 'r1'),
    ['0000000f', '53', clientHex, '7231'],
  ],
  ['Ungroup', (writer) => writeUngroup(writer, 'r1'), ['00000003', '54', '7231']],
  [
    'SetSession',
    (writer) => writeSetSession(writer, client, Buffer.from('80', 'hex')),
    ['0000000e', '58', clientHex, '80'],
  ],
  [
    'UpdateSession',
    (writer) => writeUpdateSession(writer, client, Buffer.from('81a16101', 'hex')),
    ['00000011', '59', clientHex, '81a16101'],
  ],
  [
    'ApplySessionDelta',
    (writer) => writeApplySessionDelta(writer, client, Buffer.from('80', 'hex')),
    ['0000000e', '5a', clientHex, '80'],
  ],
])('client frames: %s has the documented bytes', (_what, writeFrame, expected) => {
  expect(write(writeFrame).toString('hex')).toBe(expected.join(''));
});

test('readClose: returns the written code, reason and payload', () => {
  const payload = fc.option(fc.oneof(fc.string({ unit }), fc.uint8Array()), {
    nil: undefined,
  });
  const close = fc.record({
    code: fc.oneof(fc.constantFrom(1000, 1003, 1014), fc.integer({ min: 3000, max: 4999 })),
    reason: fc.string({ unit, maxLength: 30 }),
    payload,
  });
  fc.assert(
    fc.property(close, (request) => {
      const frame = write((writer) => writeCloseClient(writer, client, request));
      const reader = new ByteReader().reset(frame, 5 + 12, frame.length);
      const { code, reason, hasPayload } = readClose(reader);
      expect({ code, reason }).toEqual({ code: request.code, reason: request.reason });
      expect(hasPayload).toBe(request.payload !== undefined);
      if (!hasPayload) expect(reader.offset).toBe(reader.end);
      else if (readIsBinary(reader)) {
        expect(new Uint8Array(reader.readRestBytes())).toEqual(request.payload);
      } else expect(reader.readRestUtf8()).toBe(request.payload);
    }),
  );
});

test.each(['', '03', '03e8', '03e80000', '03e800036162', '03e8ffff6162'])(
  'readClose: refuses a truncated close: "%s"',
  (body) => {
    const buffer = Buffer.from(body, 'hex');
    const reader = new ByteReader().reset(buffer, 0, buffer.length);
    const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });
    expect(() => readClose(reader)).toThrow(malformed);
  },
);

test.each([
  ['a code that must not be sent', 1005, ''],
  ['an invalid code', 0, ''],
  ['a reason too long for a close frame', 1000, 'é'.repeat(62)],
])('readClose: refuses %s', (_what, code, reason) => {
  const request = { code, reason, payload: undefined };
  const buffer = write((writer) => writeCloseClient(writer, client, request));
  const reader = new ByteReader().reset(buffer, 5 + 12, buffer.length);
  const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });
  expect(() => readClose(reader)).toThrow(malformed);
});
