import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  PendingAcks,
  readEventsAck,
  readWorkerReady,
  writeClientConnected,
  writeClientDetached,
  writeClientMessage,
  writeWorkerReady,
} from './event-frame.ts';
import { PayloadFlag } from './payload.ts';

function hexOf(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
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
  for (const decidesHandshakes of [true, false]) {
    for (const redelivers of [true, false]) {
      const features = { decidesHandshakes, redelivers };
      const frame = Buffer.from(
        hexOf((writer) => writeWorkerReady(writer, features)),
        'hex',
      );
      expect(readWorkerReady(new ByteReader().reset(frame, 5, frame.length))).toEqual(features);
    }
  }
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
