import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  PendingAcks,
  readClientRequested,
  readEventsAck,
  readWorkerReady,
  writeClientConnected,
  writeClientDetached,
  writeClientDropped,
  writeClientMessage,
  writeClientRequested,
  writeClientResumed,
  writeGroupChange,
  writeWorkerReady,
} from './event-frame.ts';
import { PayloadFlag } from './payload.ts';

function hexOf(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
}

/** A reader of the body of one frame. */
function bodyOf(write: (writer: ByteWriter) => void): ByteReader {
  const frame = Buffer.from(hexOf(write), 'hex');
  return new ByteReader().reset(frame, 5, frame.length);
}

function acksOf(...connections: number[]): PendingAcks {
  const acks = new PendingAcks();
  for (const connection of connections) acks.add(connection, 0);
  return acks;
}

/** Reads the body of one frame as `[connection, count]` entries. */
function readAcks(frame: string): [connection: number, count: number][] {
  const buffer = Buffer.from(frame, 'hex');
  const entries: [number, number][] = [];
  readEventsAck(new ByteReader().reset(buffer, 5, buffer.length), (connection, count) => {
    entries.push([connection, count]);
  });
  return entries;
}

test('writeClientConnected: has the documented bytes', () => {
  expect(hexOf((writer) => writeClientConnected(writer, 0x01020304, false))).toBe(
    '00000006210102030400',
  );
  expect(hexOf((writer) => writeClientConnected(writer, 0x01020304, true))).toBe(
    '00000006210102030402',
  );
});

test('writeClientDetached: has the documented bytes', () => {
  expect(hexOf((writer) => writeClientDetached(writer, 0x01020304))).toBe('000000052701020304');
});

test('writeClientMessage: writes a text unchanged, even invalid UTF-8', () => {
  const payload = Buffer.from('c328', 'hex');
  expect(hexOf((writer) => writeClientMessage(writer, 9, 0, payload))).toBe(
    '00000008220000000900c328',
  );
});

test('writeClientMessage: flags a binary message', () => {
  expect(
    hexOf((writer) => writeClientMessage(writer, 9, PayloadFlag.Binary, Uint8Array.of(255))),
  ).toBe('00000007220000000901ff');
});

test('writeClientMessage: flags a redelivered message', () => {
  expect(
    hexOf((writer) =>
      writeClientMessage(
        writer,
        9,
        PayloadFlag.Binary | PayloadFlag.Redelivered,
        Uint8Array.of(255),
      ),
    ),
  ).toBe('00000007220000000903ff');
});

test('readWorkerReady: returns the written features', () => {
  const both = [true, false];
  for (const decidesHandshakes of both) {
    for (const decidesResumes of both) {
      for (const redelivers of both) {
        const features = { decidesHandshakes, decidesResumes, redelivers };
        const reader = bodyOf((writer) => writeWorkerReady(writer, features));
        expect(readWorkerReady(reader)).toEqual(features);
      }
    }
  }
});

test('ClientRequested: is read as it was written', () => {
  const request = { number: 2 ** 40, requestType: 'sum', payload: Buffer.from('[1]') };
  const flags = PayloadFlag.Binary | PayloadFlag.Redelivered;
  const write = (writer: ByteWriter): void => writeClientRequested(writer, 9, flags, request);
  expect(hexOf(write)).toBe('000000162e0000000900000100000000000003' + '73756d' + '03' + '5b315d');
  const reader = bodyOf(write);
  expect(reader.readU32()).toBe(9);
  expect(readClientRequested(reader)).toEqual({ ...request, flags });
});

test('ClientRequested: a type of more than 65,535 bytes throws', () => {
  const request = { number: 1, requestType: 'x'.repeat(65_536), payload: Buffer.alloc(0) };
  const writer = new ByteWriter();
  expect(() => writeClientRequested(writer, 9, 0, request)).toThrow(RangeError);
  expect(writer.length).toBe(0);
});

test('readClientRequested: refuses a truncated body', () => {
  const request = { number: 1, requestType: 'sum', payload: Buffer.alloc(0) };
  const frame = Buffer.from(
    hexOf((writer) => writeClientRequested(writer, 9, 0, request)),
    'hex',
  );
  for (let end = 9; end < frame.length; end += 1) {
    expect(() => readClientRequested(new ByteReader().reset(frame, 9, end))).toThrow(
      expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
    );
  }
});

test('ClientDropped, ClientResumed: have flags, and the time away', () => {
  expect(hexOf((writer) => writeClientDropped(writer, 9, false))).toBe('000000062f0000000900');
  expect(hexOf((writer) => writeClientDropped(writer, 9, true))).toBe('000000062f0000000902');
  const resumed = (awayMs: number): string =>
    hexOf((writer) => writeClientResumed(writer, 9, { isRedelivered: true, awayMs }));
  expect(resumed(257.4)).toBe('0000000a30000000090200000101');
  expect(resumed(2 ** 40)).toBe('0000000a300000000902ffffffff');
});

test('GroupJoined, GroupLeft: have the group as the rest', () => {
  const change = (isMember: boolean): string =>
    hexOf((writer) => writeGroupChange(writer, 9, { group: 'é', isMember }));
  expect(change(true)).toBe('00000007a600000009c3a9');
  expect(change(false)).toBe('00000007a700000009c3a9');
});

test('writeClientMessage: writes an empty message', () => {
  expect(hexOf((writer) => writeClientMessage(writer, 9, 0, new Uint8Array(0)))).toBe(
    '00000006220000000900',
  );
});

test('PendingAcks: writes connections, counts and payload bytes', () => {
  const acks = acksOf(1);
  acks.add(2, 258);
  expect(hexOf((writer) => acks.write(writer))).toBe(
    '0000001928000000010000000100000000000000020000000100000102',
  );
});

test('PendingAcks: adds up the bytes of the events of an entry', () => {
  const acks = new PendingAcks();
  for (const [connection, byteLength] of [
    [7, 10],
    [7, 0],
    [7, 1_000_000],
    [8, 1],
  ] as const) {
    acks.add(connection, byteLength);
  }
  const entries: number[][] = [];
  const frame = Buffer.from(
    hexOf((writer) => acks.write(writer)),
    'hex',
  );
  readEventsAck(new ByteReader().reset(frame, 5, frame.length), (...entry) => {
    entries.push(entry);
  });
  expect(entries).toEqual([
    [7, 3, 1_000_010],
    [8, 1, 1],
  ]);
});

test('PendingAcks: consecutive events of a client share an entry', () => {
  const acks = acksOf(7, 7, 7, 8, 7);
  expect(readAcks(hexOf((writer) => acks.write(writer)))).toEqual([
    [7, 3],
    [8, 1],
    [7, 1],
  ]);
});

test('PendingAcks: write clears the collection', () => {
  const acks = acksOf(7);
  expect(acks.isEmpty).toBe(false);
  hexOf((writer) => acks.write(writer));
  expect(acks.isEmpty).toBe(true);
  acks.add(7, 0);
  expect(readAcks(hexOf((writer) => acks.write(writer)))).toEqual([[7, 1]]);
});

test('PendingAcks: clear removes all events', () => {
  const acks = acksOf(1, 2);
  acks.clear();
  expect(acks.isEmpty).toBe(true);
  expect(readAcks(hexOf((writer) => acks.write(writer)))).toEqual([]);
});

test('readEventsAck: returns all events in order, for any number', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 500 }), (connections) => {
      const acks = acksOf(...connections);
      const entries = readAcks(hexOf((writer) => acks.write(writer)));
      const read = entries.flatMap(([connection, count]) => Array(count).fill(connection));
      expect(read).toEqual(connections);
    }),
  );
});

test('readEventsAck: refuses a truncated entry', () => {
  const body = '0000000100000001000000010000000200';
  expect(() => readAcks(`0000001228${body}`)).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});
