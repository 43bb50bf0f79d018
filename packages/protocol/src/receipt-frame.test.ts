import { expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { readFlags, readOffset } from './payload.ts';
import {
  type ReceiptRequest,
  readReceiptRequest,
  writeReplayWithReceipt,
  writeSendWithReceipt,
} from './receipt-frame.ts';
import { readAddresses, readNames } from './send-frame.ts';

const request: ReceiptRequest = {
  receiptId: 9,
  isHandledWanted: true,
  isAny: false,
  timeoutMs: 5000,
  elapsedMs: 10,
};

/** A frame as hex, and a reader of its body. */
function write(into: (writer: ByteWriter) => void): { hex: string; reader: ByteReader } {
  const writer = new ByteWriter();
  into(writer);
  const hex = writer.buffer.toString('hex', 4, writer.length);
  return { hex, reader: new ByteReader().reset(writer.buffer, 5, writer.length) };
}

function rest(reader: ByteReader): string {
  return reader.buffer.toString('utf8', reader.offset, reader.end);
}

test('SendWithReceipt: is read back, with the bytes of docs/protocol.md', () => {
  const address = { connection: 1, nonceHigh: 2, nonceLow: 3 };
  const { hex, reader } = write((writer) =>
    writeSendWithReceipt(writer, request, { addresses: [address], uids: ['u'] }, 'hi', 7),
  );
  const receipt = '00000009010000138800 00000a'.replace(' ', '');
  expect(hex).toBe(
    `46${receipt}00000001000000010000000200000003000000010001750400000000000000076869`,
  );
  expect(readReceiptRequest(reader)).toEqual(request);
  const connections: number[] = [];
  readAddresses(reader, (connection) => void connections.push(connection));
  expect([connections, readNames(reader)]).toEqual([[1], ['u']]);
  expect([readOffset(reader, readFlags(reader)), rest(reader)]).toEqual([7, 'hi']);
});

test('ReplayWithReceipt: is read back', () => {
  const any = { ...request, isHandledWanted: false, isAny: true };
  const { hex, reader } = write((writer) => {
    const message = { requestId: 4, source: 5, offset: 7, payload: Uint8Array.of(1) };
    writeReplayWithReceipt(writer, message, any);
  });
  expect(Number.parseInt(hex.slice(0, 2), 16)).toBe(Command.ReplayWithReceipt);
  expect([reader.readU32(), reader.readU32()]).toEqual([4, 5]);
  expect(readReceiptRequest(reader)).toEqual(any);
  expect(readFlags(reader)).toBe(5);
});

test('readReceiptRequest: limits the times of a peer', () => {
  const { reader } = write((writer) => {
    const endless = { ...request, timeoutMs: 2 ** 32 - 1, elapsedMs: 2 ** 32 - 1 };
    writeSendWithReceipt(writer, endless, { addresses: [], uids: [] }, '');
  });
  expect(readReceiptRequest(reader)).toMatchObject({ timeoutMs: 3_600_000, elapsedMs: 3_600_000 });
});
