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

function hexOf(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
}

function handled(...connections: number[]): PendingAcks {
  const events = new PendingAcks();
  for (const connection of connections) events.add(connection, 0);
  return events;
}

/** Reads the body of one frame as `[connection, count]` entries. */
function readHandled(frame: string): [connection: number, count: number][] {
  const buffer = Buffer.from(frame, 'hex');
  const entries: [number, number][] = [];
  readEventsAck(new ByteReader().reset(buffer, 5, buffer.length), (connection, count) => {
    entries.push([connection, count]);
  });
  return entries;
}

test('writes that a client is usable', () => {
  expect(hexOf((writer) => writeClientConnected(writer, 0x01020304, false))).toBe(
    '00000006210102030400',
  );
  expect(hexOf((writer) => writeClientConnected(writer, 0x01020304, true))).toBe(
    '00000006210102030402',
  );
});

test('writes that another worker has a client', () => {
  expect(hexOf((writer) => writeClientDetached(writer, 0x01020304))).toBe('000000052701020304');
});

test('writes a text message of a client, its bytes untouched', () => {
  const payload = Buffer.from('c328', 'hex');
  expect(hexOf((writer) => writeClientMessage(writer, 9, payload, false, false))).toBe(
    '00000008220000000900c328',
  );
});

test('writes a binary message of a client', () => {
  expect(hexOf((writer) => writeClientMessage(writer, 9, Uint8Array.of(255), true, false))).toBe(
    '00000007220000000901ff',
  );
});

test('marks a message that an earlier worker may have handled', () => {
  expect(hexOf((writer) => writeClientMessage(writer, 9, Uint8Array.of(255), true, true))).toBe(
    '00000007220000000903ff',
  );
});

test('writes what a worker wishes', () => {
  for (const decidesHandshakes of [true, false]) {
    for (const redelivers of [true, false]) {
      const wishes = { decidesHandshakes, redelivers };
      const frame = Buffer.from(
        hexOf((writer) => writeWorkerReady(writer, wishes)),
        'hex',
      );
      expect(readWorkerReady(new ByteReader().reset(frame, 5, frame.length))).toEqual(wishes);
    }
  }
});

test('writes an empty message of a client', () => {
  expect(hexOf((writer) => writeClientMessage(writer, 9, new Uint8Array(0), false, false))).toBe(
    '00000006220000000900',
  );
});

test('writes which events were handled, and the bytes of their payloads', () => {
  const events = handled(1);
  events.add(2, 258);
  expect(hexOf((writer) => events.write(writer))).toBe(
    '0000001928000000010000000100000000000000020000000100000102',
  );
});

test('adds up the bytes of the events of one entry', () => {
  const events = new PendingAcks();
  for (const [connection, byteLength] of [
    [7, 10],
    [7, 0],
    [7, 1_000_000],
    [8, 1],
  ] as const) {
    events.add(connection, byteLength);
  }
  const entries: number[][] = [];
  const frame = Buffer.from(
    hexOf((writer) => events.write(writer)),
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

test('counts events of one client that follow each other in one entry', () => {
  const events = handled(7, 7, 7, 8, 7);
  expect(readHandled(hexOf((writer) => events.write(writer)))).toEqual([
    [7, 3],
    [8, 1],
    [7, 1],
  ]);
});

test('starts anew after it was written', () => {
  const events = handled(7);
  expect(events.isEmpty).toBe(false);
  hexOf((writer) => events.write(writer));
  expect(events.isEmpty).toBe(true);
  events.add(7, 0);
  expect(readHandled(hexOf((writer) => events.write(writer)))).toEqual([[7, 1]]);
});

test('forgets what was added', () => {
  const events = handled(1, 2);
  events.clear();
  expect(events.isEmpty).toBe(true);
  expect(readHandled(hexOf((writer) => events.write(writer)))).toEqual([]);
});

test('loses no event and keeps the order, however many were handled', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 500 }), (connections) => {
      const events = handled(...connections);
      const entries = readHandled(hexOf((writer) => events.write(writer)));
      const read = entries.flatMap(([connection, count]) => Array(count).fill(connection));
      expect(read).toEqual(connections);
    }),
  );
});

test('refuses a list of handled events that ends within an entry', () => {
  const body = '0000000100000001000000010000000200';
  expect(() => readHandled(`0000001228${body}`)).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});
