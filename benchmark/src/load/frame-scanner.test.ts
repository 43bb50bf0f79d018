import { expect, test } from 'vitest';
import { FrameScanner } from './frame-scanner.ts';

/** Creates an unmasked frame, as servers send it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, length]), payload]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

const payloads = [0, 1, 125, 126, 70, 4096, 65_535, 65_536, 3].map((length, index) =>
  Buffer.alloc(length, 97 + index),
);
const stream = Buffer.concat(payloads.map((payload, index) => frame(1 + (index % 2), payload)));

/** Scans a stream in chunks that all use the same memory, and returns the visited frames. */
function scan(chunks: readonly Buffer[]): { opcode: number; payload: Buffer }[] {
  const scanner = new FrameScanner();
  const memory = Buffer.alloc(stream.length);
  const seen: { opcode: number; payload: Buffer }[] = [];
  for (const chunk of chunks) {
    memory.fill(0);
    chunk.copy(memory);
    scanner.scan(memory, chunk.length, (opcode, buffer, start, end) => {
      seen.push({ opcode, payload: Buffer.from(buffer.subarray(start, end)) });
    });
  }
  return seen;
}

function split(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at, bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function expectAll(seen: readonly { opcode: number; payload: Buffer }[]): void {
  expect(seen.map(({ opcode }) => opcode)).toEqual(payloads.map((_, index) => 1 + (index % 2)));
  for (const [index, { payload }] of seen.entries()) {
    expect(payload.equals(payloads[index] ?? Buffer.alloc(0))).toBe(true);
  }
}

test('frame scanner: finds every frame in one chunk', () => {
  expectAll(scan([stream]));
});

test('frame scanner: finds every frame in chunks of one byte', () => {
  const start = stream.subarray(0, 5000);
  const bytes = Array.from(start, (_, index) => start.subarray(index, index + 1));
  expectAll(scan([...bytes, stream.subarray(5000)]));
});

test('frame scanner: finds every frame in any two chunks', () => {
  const ends = payloads.reduce<number[]>((sums, payload, index) => {
    sums.push((sums.at(-1) ?? 0) + frame(1 + (index % 2), payload).length);
    return sums;
  }, []);
  // Cuts around the ends of frames matter most, because heads and payloads begin there.
  const cuts = new Set(
    [0, ...ends].flatMap((end) => [...Array(14).keys()].map((i) => end + i - 2)),
  );
  for (const cut of cuts)
    if (cut >= 0 && cut <= stream.length) expectAll(scan(split(stream, [cut])));
});

test('frame scanner: finds every frame in random chunks', () => {
  for (let run = 0; run < 200; run += 1) {
    const cuts = Array.from({ length: 20 }, () => Math.floor(Math.random() * stream.length));
    expectAll(
      scan(
        split(
          stream,
          cuts.sort((a, b) => a - b),
        ),
      ),
    );
  }
});

test('frame scanner: visits a complete frame without a copy', () => {
  const chunk = frame(1, Buffer.from('hello'));
  const buffers: Buffer[] = [];
  new FrameScanner().scan(chunk, chunk.length, (_, buffer) => buffers.push(buffer));
  expect(buffers).toEqual([chunk]);
  expect(buffers[0]).toBe(chunk);
});
