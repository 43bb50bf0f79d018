import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, DEFAULT_MAX_FRAME_BYTES, endFrame, FrameDecoder } from './frame.ts';

interface Frame {
  readonly command: number;
  readonly body: string;
}

/** A decoder and its frames. Bodies are copied, because they are valid only during the call. */
function collect(maxFrameBytes?: number): { decoder: FrameDecoder; frames: Frame[] } {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder((command, buffer, start, end) => {
    frames.push({ command, body: buffer.toString('hex', start, end) });
    return undefined;
  }, maxFrameBytes);
  return { decoder, frames };
}

function frameOf(command: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + body.length);
  frame.writeUInt32BE(1 + body.length);
  frame[4] = command;
  frame.set(body, 5);
  return frame;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

test('endFrame: the length covers command and body', () => {
  const writer = new ByteWriter();
  const start = beginFrame(writer, Command.ClientMessage);
  writer.writeUtf8('hey');
  endFrame(writer, start);
  expect(writer.buffer.toString('hex', 0, writer.length)).toBe('0000000422686579');
});

test('endFrame: a frame without a body has length 1', () => {
  const writer = new ByteWriter();
  endFrame(writer, beginFrame(writer, Command.Ping));
  expect(writer.buffer.toString('hex', 0, writer.length)).toBe('0000000108');
});

test('endFrame: several frames in one buffer', () => {
  const writer = new ByteWriter();
  endFrame(writer, beginFrame(writer, Command.Ping));
  const second = beginFrame(writer, Command.Ungroup);
  writer.writeUtf8('ab');
  endFrame(writer, second);
  endFrame(writer, beginFrame(writer, Command.Pong));
  expect(writer.buffer.toString('hex', 0, writer.length)).toBe(
    ['0000000108', '00000003546162', '0000000109'].join(''),
  );
});

test.each<[string, string, Frame[]]>([
  ['a frame without a body', '00000001 08', [{ command: 0x08, body: '' }]],
  ['a frame with a body', '00000004 22 686579', [{ command: 0x22, body: '686579' }]],
  ['an unknown command', '00000002 ff 00', [{ command: 0xff, body: '00' }]],
  [
    'two frames',
    '00000001 08 00000003 54 6162',
    [
      { command: 0x08, body: '' },
      { command: 0x54, body: '6162' },
    ],
  ],
  ['nothing of an incomplete frame', '00000004 22 6865', []],
])('FrameDecoder: reads %s', (_what, bytes, expected) => {
  const { decoder, frames } = collect();
  decoder.push(hex(bytes));
  expect(frames).toEqual(expected);
});

test('FrameDecoder: reads any frames, split into any chunks', () => {
  const frame = fc.record({
    command: fc.nat(255),
    body: fc.uint8Array({ maxLength: 200 }),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(300)), (sent, sizes) => {
      const stream = Buffer.concat(sent.map(({ command, body }) => frameOf(command, body)));
      const { decoder, frames } = collect();
      let offset = 0;
      for (const size of sizes) {
        // A socket may reuse the memory of a chunk after the call.
        const chunk = Buffer.from(stream.subarray(offset, offset + size));
        decoder.push(chunk);
        chunk.fill(0xee);
        offset += size;
      }
      decoder.push(Buffer.from(stream.subarray(offset)));
      expect(frames).toEqual(
        sent.map(({ command, body }) => ({ command, body: Buffer.from(body).toString('hex') })),
      );
      expect(decoder.bufferedBytes).toBe(0);
    }),
  );
});

test('FrameDecoder: reads a stream byte by byte', () => {
  const { decoder, frames } = collect();
  for (const byte of hex('00000003 54 6162 00000001 08')) decoder.push(Buffer.from([byte]));
  expect(frames).toEqual([
    { command: 0x54, body: '6162' },
    { command: 0x08, body: '' },
  ]);
});

test('FrameDecoder: passes on a frame within one chunk without a copy', () => {
  const chunk = hex('00000001 08 00000003 54 6162');
  const buffers: Buffer[] = [];
  const decoder = new FrameDecoder((_command, buffer) => {
    buffers.push(buffer);
    return undefined;
  });
  decoder.push(chunk);
  expect(buffers).toEqual([chunk, chunk]);
  expect(buffers.every((buffer) => buffer === chunk)).toBe(true);
});

test('FrameDecoder: counts the buffered bytes of an incomplete frame', () => {
  const { decoder } = collect();
  decoder.push(hex('00000001 08 0000'));
  expect(decoder.bufferedBytes).toBe(2);
  decoder.push(hex('000a 01'));
  expect(decoder.bufferedBytes).toBe(5);
});

test('FrameDecoder: accepts a frame of the limit and refuses one byte more', () => {
  const { decoder, frames } = collect(3);
  decoder.push(hex('00000003 54 6162'));
  expect(frames).toHaveLength(1);
  const tooLarge = expect.objectContaining({ name: 'FrameError', code: 'GW_ERR_FRAME_TOO_LARGE' });
  expect(() => decoder.push(hex('00000004'))).toThrow(tooLarge);
});

test('FrameDecoder: refuses a too large frame once its length is complete', () => {
  const { decoder } = collect(3);
  decoder.push(hex('0000'));
  expect(() => decoder.push(hex('0004'))).toThrow('a frame of 4 bytes exceeds the limit of 3');
});

test('FrameDecoder: accepts 32 MiB by default, and not a byte more', () => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(DEFAULT_MAX_FRAME_BYTES);
  collect().decoder.push(length);
  length.writeUInt32BE(DEFAULT_MAX_FRAME_BYTES + 1);
  expect(() => collect().decoder.push(length)).toThrow('33554433');
});

test('FrameDecoder: a limit raised by a frame applies to the next one', () => {
  const commands: number[] = [];
  const decoder = new FrameDecoder((command) => {
    commands.push(command);
    decoder.maxFrameBytes = 10;
    return undefined;
  }, 1);
  decoder.push(hex('00000001 08 00000003 54 6162'));
  expect(commands).toEqual([0x08, 0x54]);
});

test.each(['00000000', '00000001 08 00000000'])(
  'FrameDecoder: refuses a frame of length 0: %s',
  (bytes) => {
    const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });
    expect(() => collect().decoder.push(hex(bytes))).toThrow(malformed);
  },
);

test.each<[string, string[]]>([
  ['in one chunk', ['00000001 01 00000001 02 00000000']],
  ['at a split frame', ['00000001', '01 00000001 02 00000000']],
])('FrameDecoder: ignores the rest after a handler returns false, %s', (_where, chunks) => {
  const commands: number[] = [];
  const decoder = new FrameDecoder((command) => {
    commands.push(command);
    return false;
  });
  for (const chunk of chunks) decoder.push(hex(chunk));
  expect(commands).toEqual([1]);
  expect(decoder.bufferedBytes).toBe(0);
});

test('FrameDecoder: decodes the next frame after a handler throws', () => {
  const commands: number[] = [];
  const decoder = new FrameDecoder((command) => {
    commands.push(command);
    if (command === 1) throw new Error('boom');
    return undefined;
  });
  decoder.push(hex('00000002'));
  expect(() => decoder.push(hex('01 ff'))).toThrow('boom');
  decoder.push(hex('00000001 02'));
  expect(commands).toEqual([1, 2]);
});

test('FrameDecoder: buffers received bytes, not announced ones', () => {
  const announcement = Buffer.alloc(64);
  announcement.writeUInt32BE(DEFAULT_MAX_FRAME_BYTES);
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 64 }, () => {
    const { decoder } = collect();
    decoder.push(announcement);
    return decoder;
  });
  const grown = process.memoryUsage().arrayBuffers - before;
  expect(decoders).toHaveLength(64);
  // 64 frames of 32 MiB were announced: 2 GiB.
  expect(grown).toBeLessThan(4 * 1024 * 1024);
});

test('FrameDecoder: buffers at most twice the bytes of a frame', () => {
  let held = 0;
  const decoder = new FrameDecoder((_command, buffer) => {
    held = buffer.length;
    return undefined;
  });
  const frame = frameOf(1, new Uint8Array(100_000));
  for (let offset = 0; offset < frame.length; offset += 1000) {
    decoder.push(frame.subarray(offset, offset + 1000));
  }
  expect(held).toBeGreaterThanOrEqual(frame.length);
  expect(held).toBeLessThanOrEqual(2 * frame.length);
});
