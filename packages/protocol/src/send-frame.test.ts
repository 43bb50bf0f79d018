import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readIsBinary } from './payload.ts';
import {
  readAddresses,
  readNames,
  writeSendReply,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from './send-frame.ts';

/** Characters of one to four bytes of UTF-8. */
const unit = fc.constantFrom('a', '\0', 'é', '€', '😀');

const first = { connection: 1, nonceHigh: 2, nonceLow: 3 };
const second = { connection: 0x3fffffff, nonceHigh: 0x0a0b0c0d, nonceLow: 0 };
const firstHex = '000000010000000200000003';
const secondHex = '3fffffff0a0b0c0d00000000';

function write(writeFrame: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  writeFrame(writer);
  return writer.buffer.subarray(0, writer.length);
}

/** A reader of the body of one frame. */
function bodyOf(frame: Buffer): ByteReader {
  return new ByteReader().reset(frame, 5, frame.length);
}

function addressesOf(reader: ByteReader): (typeof first)[] {
  const addresses: (typeof first)[] = [];
  readAddresses(reader, (connection, nonceHigh, nonceLow) => {
    addresses.push({ connection, nonceHigh, nonceLow });
  });
  return addresses;
}

test.each<[string, (writer: ByteWriter) => void, string[]]>([
  [
    'SendToClient',
    (writer) => writeSendToClient(writer, first, 'hi'),
    ['00000010', '40', firstHex, '00', '6869'],
  ],
  [
    'SendToClients with a binary message',
    (writer) => writeSendToClients(writer, [first, second], Uint8Array.of(7)),
    ['0000001f', '41', '00000002', firstHex, secondHex, '01', '07'],
  ],
  [
    'SendToAll',
    (writer) => writeSendToAll(writer, [], 'x'),
    ['00000007', '42', '00000000', '00', '78'],
  ],
  [
    'SendToAll with an excluded client',
    (writer) => writeSendToAll(writer, [second], ''),
    ['00000012', '42', '00000001', secondHex, '00'],
  ],
  [
    'SendToUids',
    (writer) => writeSendToUids(writer, ['7', 'é'], 'x'),
    ['0000000e', '43', '00000002', '000137', '0002c3a9', '00', '78'],
  ],
  [
    'SendToGroups',
    (writer) => writeSendToGroups(writer, { groups: ['r1'], excluded: [first] }, 'x'),
    ['0000001b', '44', '00000001', '00027231', '00000001', firstHex, '00', '78'],
  ],
  [
    'SendToClient with an offset',
    (writer) => writeSendToClient(writer, first, 'hi', 5),
    ['00000018', '40', firstHex, '04', '0000000000000005', '6869'],
  ],
  [
    'SendToClients with an offset',
    (writer) => writeSendToClients(writer, [first], Uint8Array.of(7), 2 ** 32),
    ['0000001b', '41', '00000001', firstHex, '05', '0000000100000000', '07'],
  ],
  [
    'SendToAll with an offset',
    (writer) => writeSendToAll(writer, [], 'x', 1),
    ['0000000f', '42', '00000000', '04', '0000000000000001', '78'],
  ],
  [
    'SendToUids with an offset',
    (writer) => writeSendToUids(writer, ['7'], 'x', 1),
    ['00000012', '43', '00000001', '000137', '04', '0000000000000001', '78'],
  ],
  [
    'SendToGroups with an offset',
    (writer) => writeSendToGroups(writer, { groups: ['g'], excluded: [] }, 'x', 1),
    ['00000016', '44', '00000001', '000167', '00000000', '04', '0000000000000001', '78'],
  ],
  [
    'SendReply',
    (writer) => writeSendReply(writer, first, { number: 3, payload: '1', isFailed: false }),
    ['00000017', '45', firstHex, '0000000000000003', '00', '31'],
  ],
  [
    'SendReply of a failed request, with an offset',
    (writer) => writeSendReply(writer, first, { number: 3, payload: '1', isFailed: true }, 5),
    ['0000001f', '45', firstHex, '0000000000000003', '0c', '0000000000000005', '31'],
  ],
])('send frames: %s has the documented bytes', (_what, writeFrame, expected) => {
  expect(write(writeFrame).toString('hex')).toBe(expected.join(''));
});

const name = fc.string({ unit, maxLength: 50 });
const number = fc.nat(2 ** 30 - 1);
const address = fc.record({ connection: number, nonceHigh: number, nonceLow: number });

test('SendToGroups: groups, excluded clients and payload are read back', () => {
  fc.assert(
    fc.property(fc.array(name), fc.array(address), fc.string(), (groups, excluded, text) => {
      const receivers = { groups, excluded };
      const reader = bodyOf(write((writer) => writeSendToGroups(writer, receivers, text)));
      expect(readNames(reader)).toEqual(groups);
      expect(addressesOf(reader)).toEqual(excluded);
      expect(readIsBinary(reader)).toBe(false);
      expect(reader.readRestUtf8()).toBe(text);
    }),
  );
});

test('SendToClients: clients and payload are read back', () => {
  fc.assert(
    fc.property(fc.array(address), fc.uint8Array(), (addresses, bytes) => {
      const reader = bodyOf(write((writer) => writeSendToClients(writer, addresses, bytes)));
      expect(addressesOf(reader)).toEqual(addresses);
      expect(readIsBinary(reader)).toBe(true);
      expect(new Uint8Array(reader.readRestBytes())).toEqual(bytes);
    }),
  );
});

test('readNames: reads a name of 65,535 bytes', () => {
  const longest = 'x'.repeat(65_535);
  const reader = bodyOf(write((writer) => writeSendToUids(writer, [longest, 'next'], '')));
  expect(readNames(reader)).toEqual([longest, 'next']);
});

const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });

test.each(['00000002', `00000002${firstHex}`, 'ffffffff', `00000002${firstHex}${'00'.repeat(11)}`])(
  'readAddresses: refuses more entries than bytes, without a call: %s',
  (body) => {
    const seen: number[] = [];
    const buffer = Buffer.from(body, 'hex');
    const reader = new ByteReader().reset(buffer, 0, buffer.length);
    expect(() => readAddresses(reader, (connection) => seen.push(connection))).toThrow(malformed);
    expect(seen).toEqual([]);
  },
);

test.each(['00000001', 'ffffffff0000', '00000002000161', '00000001000561', '0000000100'])(
  'readNames: refuses truncated names: %s',
  (body) => {
    const buffer = Buffer.from(body, 'hex');
    expect(() => readNames(new ByteReader().reset(buffer, 0, buffer.length))).toThrow(malformed);
  },
);

test('writeSendToUids: a name that is too long leaves no partial frame', () => {
  const writer = new ByteWriter();
  writeSendToUids(writer, ['a'], 'x');
  const { length } = writer;
  const long = 'x'.repeat(70_000);
  expect(() => writeSendToUids(writer, ['b', long], 'x')).toThrow(RangeError);
  expect(() => writeSendToGroups(writer, { groups: [long], excluded: [] }, 'x')).toThrow(
    RangeError,
  );
  expect(writer.length).toBe(length);
});
