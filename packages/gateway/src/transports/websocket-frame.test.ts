import { ByteWriter } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { MAX_FRAME_HEADER_BYTES, writeFrameHeader } from './websocket-frame.ts';

function headerOf(length: number, isBinary: boolean): string {
  const writer = new ByteWriter();
  writeFrameHeader(writer, length, isBinary);
  return writer.buffer.toString('hex', 0, writer.length);
}

test.each([
  [0, '8100'],
  [1, '8101'],
  [125, '817d'],
  [126, '817e007e'],
  [127, '817e007f'],
  [256, '817e0100'],
  [65_535, '817effff'],
  [65_536, '817f0000000000010000'],
  [16_777_216, '817f0000000001000000'],
])('websocket frame: header of a text frame of %i bytes', (length, expected) => {
  expect(headerOf(length, false)).toBe(expected);
});

test.each([
  [0, '8200'],
  [125, '827d'],
  [126, '827e007e'],
  [65_535, '827effff'],
  [65_536, '827f0000000000010000'],
])('websocket frame: header of a binary frame of %i bytes', (length, expected) => {
  expect(headerOf(length, true)).toBe(expected);
});

test('websocket frame: reserves space for the payload', () => {
  const writer = new ByteWriter();
  writeFrameHeader(writer, 100_000, true);
  const { buffer } = writer;
  expect(writer.length).toBe(MAX_FRAME_HEADER_BYTES);
  writer.writeBytes(Buffer.alloc(100_000));
  expect(writer.buffer).toBe(buffer);
});

test('websocket frame: appends to the writer', () => {
  const writer = new ByteWriter();
  for (const text of ['a', 'bc']) {
    writeFrameHeader(writer, text.length, false);
    writer.writeUtf8(text);
  }
  expect(writer.buffer.toString('hex', 0, writer.length)).toBe('81016181026263');
});
