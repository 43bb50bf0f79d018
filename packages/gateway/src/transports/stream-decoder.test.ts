import { createLogger } from '@gatewayworker/core';
import { ByteWriter } from '@gatewayworker/protocol';
import { captureLogger } from '@gatewayworker/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamDecoder } from './stream-decoder.ts';
import {
  adaptClientProtocol,
  MessageTooBigError,
  type StreamProtocol,
  streamProtocols,
} from './stream-protocol.ts';

function builtIn(scheme: string): StreamProtocol {
  const protocol = streamProtocols.get(scheme);
  if (protocol === undefined) throw new Error(`no protocol ${scheme}`);
  return protocol;
}

const silent = createLogger({ stdout: false });

/** Two digits of length, then that many characters. */
const counted = adaptClientProtocol(
  {
    decode(buffer) {
      const byteLength = 2 + Number(buffer.toString('latin1', 0, 2));
      if (buffer.length < Math.max(2, byteLength)) return undefined;
      return { message: buffer.toString('utf8', 2, byteLength), byteLength };
    },
    encode: (data) => `${String(Buffer.byteLength(data)).padStart(2, '0')}${data.toString()}`,
  },
  silent,
);

function encode(protocol: StreamProtocol, payloads: readonly Buffer[], isBinary: boolean): Buffer {
  const writer = new ByteWriter();
  for (const payload of payloads) protocol.encode(writer, payload, isBinary);
  return writer.buffer.subarray(0, writer.length);
}

/** Appends the bytes in chunks of these sizes. */
function decode(decoder: StreamDecoder, bytes: Buffer, sizes: readonly number[]): string[] {
  const messages: string[] = [];
  let offset = 0;
  let turn = 0;
  while (offset < bytes.length) {
    const size = sizes[turn % sizes.length] ?? 1;
    turn += 1;
    // A copy: the decoder owns its chunks.
    decoder.append(Buffer.from(bytes.subarray(offset, offset + size)));
    offset += size;
    for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
      messages.push(`${next.isBinary ? 'binary' : 'text'} ${next.payload.toString('hex')}`);
    }
  }
  return messages;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n]/.test(text));

test.each([
  ['text', builtIn('text'), false],
  ['frame', builtIn('frame'), true],
  ['custom protocol', counted, false],
] as const)(
  '%s: decodes the same messages, however the stream is split',
  (_name, protocol, isBinary) => {
    fc.assert(
      fc.property(
        fc.array(line.filter((text) => Buffer.byteLength(text) < 90)),
        sizes,
        (lines, split) => {
          const payloads = lines.map((text) => Buffer.from(text));
          const kind = isBinary ? 'binary' : 'text';
          expect(
            decode(new StreamDecoder(protocol, 100), encode(protocol, payloads, isBinary), split),
          ).toEqual(payloads.map((payload) => `${kind} ${payload.toString('hex')}`));
        },
      ),
    );
  },
);

test('tcp: keeps every byte in order, however the stream is split', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), sizes, (bytes, split) => {
      const decoder = new StreamDecoder(builtIn('tcp'), 16);
      const messages = decode(decoder, Buffer.from(bytes), split);
      const joined = messages.map((message) => message.replace('binary ', '')).join('');
      expect(joined).toBe(Buffer.from(bytes).toString('hex'));
      expect(messages.every((message) => message.length <= 'binary '.length + 32)).toBe(true);
    }),
  );
});

test('text: removes a carriage return before the line feed', () => {
  const decoder = new StreamDecoder(builtIn('text'), 100);
  expect(decode(decoder, Buffer.from('a\r\nb\n\n\r\n'), [100])).toEqual([
    'text 61',
    'text 62',
    'text ',
    'text ',
  ]);
});

test('text: refuses bytes that are not UTF-8', () => {
  expect(() =>
    decode(new StreamDecoder(builtIn('text'), 100), Buffer.of(0xc3, 0x28, 0x0a), [9]),
  ).toThrow(/UTF-8/);
});

test.each([
  ['text without a line feed', builtIn('text'), Buffer.alloc(105, 0x61)],
  ['a long line', builtIn('text'), Buffer.from(`${'a'.repeat(101)}\n`)],
  ['a frame with a large length', builtIn('frame'), Buffer.of(0, 0, 1, 0)],
  ['a long incomplete custom message', counted, Buffer.from(`99${'a'.repeat(95)}`)],
])('stream decoder: %s is too big', (_name, protocol, bytes) => {
  const decoder = new StreamDecoder(protocol, protocol === counted ? 90 : 100);
  expect(() => decode(decoder, bytes, [7])).toThrow(MessageTooBigError);
});

test('frame: refuses a length below 4', () => {
  expect(() =>
    decode(new StreamDecoder(builtIn('frame'), 100), Buffer.of(0, 0, 0, 3), [9]),
  ).toThrow(/the length 3; allowed: from 4 bytes/);
});

test.each([
  ['0 bytes', { message: 'x', byteLength: 0 }],
  ['more bytes than given', { message: 'x', byteLength: 9 }],
  ['half a byte', { message: 'x', byteLength: 0.5 }],
  ['a number as message', { message: 5, byteLength: 1 }],
])('custom protocol: %s is refused', (_name, answer) => {
  const protocol = adaptClientProtocol(
    {
      decode: () => answer as never,
      encode: (data) => data,
    },
    silent,
  );
  const decoder = new StreamDecoder(protocol, 100);
  decoder.append(Buffer.from('abc'));
  expect(() => decoder.next()).toThrow();
});

test('custom protocol: refuses promises, and logs them once per method', () => {
  const { logger, lines } = captureLogger();
  const reject = (): never => Promise.reject(new Error('later')) as never;
  const async = adaptClientProtocol({ decode: reject, encode: reject }, logger);
  const inner = adaptClientProtocol(
    { decode: () => ({ message: reject(), byteLength: 0 }), encode: (data) => data },
    logger,
  );
  for (let round = 0; round < 3; round += 1) {
    for (const protocol of [async, inner]) {
      const decoder = new StreamDecoder(protocol, 100);
      decoder.append(Buffer.from('abc'));
      expect(() => decoder.next()).toThrow('decode returned a promise');
    }
    expect(() => encode(async, [Buffer.from('x')], false)).toThrow('encode returned a promise');
  }
  expect(lines.map((line) => line['method'])).toEqual(['decode', 'decode', 'encode']);
});

test('custom protocol: may return bytes, and gets strings and Buffers', () => {
  const given: unknown[] = [];
  const protocol = adaptClientProtocol(
    {
      decode: (buffer) => ({ message: Uint8Array.from(buffer), byteLength: buffer.length }),
      encode: (data) => {
        given.push(data);
        return new Uint8Array([1, 2]);
      },
    },
    silent,
  );
  expect(decode(new StreamDecoder(protocol, 100), Buffer.from('a'), [1])).toEqual(['binary 61']);
  expect(encode(protocol, [Buffer.from('x')], false)).toEqual(Buffer.of(1, 2));
  encode(protocol, [Buffer.from('y')], true);
  expect(given).toEqual(['x', Buffer.from('y')]);
});
