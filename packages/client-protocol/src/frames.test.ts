import { fromHex, malformedClientFrames } from '@gatewayworker/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeClientFrame, encodeClientFrame } from './client-frame.ts';
import { ClientProtocolError } from './client-protocol-error.ts';
import { decodeText } from './frame-reader.ts';
import { encodeText } from './frame-writer.ts';
import type { ClientFrame, GatewayFrame } from './frames.ts';
import { decodeGatewayFrame, encodeGatewayFrame } from './gateway-frame.ts';

const integer = fc.maxSafeNat();
const number = fc.oneof(fc.nat(300), integer).map((value) => Math.max(value, 1));
const source = fc.integer({ min: 1, max: 0xffffffff });
const bytes = fc.uint8Array({ maxLength: 300 });
const string = fc.string({ unit: 'grapheme', maxLength: 60 });
const positions = fc
  .array(fc.tuple(source, integer), { maxLength: 20 })
  .map((entries) => new Map(entries));
const payload = { isBinary: fc.boolean(), payload: bytes };
const address = fc.oneof(
  fc.record({ source, offset: number }),
  fc.constant({ source: 0, offset: 0 }),
);

const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({
    op: fc.constant('hello' as const),
    token: fc.option(string, { nil: undefined }),
    resume: fc.option(fc.record({ clientId: string, secret: bytes, positions }), {
      nil: undefined,
    }),
  }),
  fc.record({ op: fc.constant('send' as const), number, ...payload }),
  fc.record({ op: fc.constant('request' as const), number, type: string, ...payload }),
  fc.record({ op: fc.constant('cancel' as const), number }),
  fc.record({ op: fc.constantFrom('pong' as const, 'bye' as const) }),
  fc.record({
    op: fc.constant('received' as const),
    receipt: integer,
    state: fc.constantFrom('received' as const, 'handled' as const),
    value: string,
  }),
);

const gatewayFrame: fc.Arbitrary<GatewayFrame> = fc.oneof(
  fc.record({
    op: fc.constant('welcome' as const),
    isResumed: fc.boolean(),
    clientId: string,
    secret: bytes,
    reason: string,
    windowMs: integer,
    pingMs: integer,
    spreadMs: integer,
    handled: integer,
    maxBytes: integer,
    positions,
  }),
  fc.record({
    op: fc.constant('refused' as const),
    status: fc.integer({ min: 400, max: 599 }),
    reason: string,
  }),
  fc
    .record({
      op: fc.constant('message' as const),
      address,
      receipt: fc.option(integer, { nil: undefined }),
      ...payload,
    })
    .map(({ address: where, ...rest }) => ({ ...rest, ...where })),
  fc
    .record({
      op: fc.constant('reply' as const),
      address,
      number,
      isFailed: fc.boolean(),
      ...payload,
    })
    .map(({ address: where, ...rest }) => ({ ...rest, ...where })),
  fc.record({ op: fc.constant('handled' as const), number: integer }),
  fc.record({ op: fc.constant('gap' as const), source, offset: integer, reason: string }),
  fc.record({ op: fc.constant('ping' as const), positions }),
  fc
    .record({
      op: fc.constant('goAway' as const),
      minMs: fc.nat(),
      moreMs: fc.nat(),
      reason: string,
    })
    .map(({ moreMs, ...rest }) => ({ ...rest, maxMs: rest.minMs + moreMs })),
  fc.record({ op: fc.constant('sourceEnded' as const), source }),
);

/** What a decoder throws; `undefined` if it throws nothing. */
function errorOf(decode: (frame: Uint8Array) => unknown, frame: Uint8Array): unknown {
  try {
    decode(frame);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Frames whose last field is everything up to the end, so that a shorter one may be valid. */
const openEnded = ['send', 'request', 'received', 'welcome', 'message', 'reply', 'ping'];

describe.each([
  ['client', clientFrame, encodeClientFrame, decodeClientFrame],
  ['gateway', gatewayFrame, encodeGatewayFrame, decodeGatewayFrame],
] as [
  string,
  fc.Arbitrary<ClientFrame | GatewayFrame>,
  (frame: ClientFrame | GatewayFrame) => Uint8Array,
  (frame: Uint8Array) => ClientFrame | GatewayFrame,
][])('frames of the %s', (_name, frames, encode, decode) => {
  test('decode to what was encoded', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decode(encode(frame))).toEqual(frame);
      }),
    );
  });

  test('cut off anywhere: throw ClientProtocolError, or are a shorter frame', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const encoded = encode(frame);
        for (let length = 0; length < encoded.length; length += 1) {
          const error = errorOf(decode, encoded.subarray(0, length));
          if (error === undefined && openEnded.includes(frame.op)) continue;
          expect(error).toBeInstanceOf(ClientProtocolError);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('any bytes: decode, or throw ClientProtocolError', () => {
    const op = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x88);
    fc.assert(
      fc.property(op, bytes, (first, rest) => {
        const error = errorOf(decode, Uint8Array.of(first, ...rest));
        if (error !== undefined) expect(error).toBeInstanceOf(ClientProtocolError);
      }),
      { numRuns: 1000 },
    );
  });

  test('changed in one byte: decode, or throw ClientProtocolError', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(255), (frame, at, value) => {
        const encoded = encode(frame);
        encoded[at % encoded.length] = value;
        const error = errorOf(decode, encoded);
        if (error !== undefined) expect(error).toBeInstanceOf(ClientProtocolError);
      }),
      { numRuns: 500 },
    );
  });
});

test.each(malformedClientFrames)('frames of the client: %s is malformed', (_name, hex) => {
  expect(errorOf(decodeClientFrame, fromHex(hex))).toBeInstanceOf(ClientProtocolError);
});

test.each([
  ['an op of the client', '05'],
  ['a status below 400', '82 8f 03 00'],
  ['a status above 599', '82 d8 04 00'],
  ['a message of source 0 with an offset', '83 00 00 00 00 00 01'],
  ['a message of a source without an offset', '83 00 00 00 00 01 00'],
  ['a reply to number 0', '84 00 00 00 00 00 00 00'],
  ['a gap of source 0', '86 00 00 00 00 01 00'],
  ['a position in source 0', '87 00 00 00 00 01'],
  ['a range that ends before it begins', '88 02 01 00'],
  ['bytes after a Handled', '85 01 00'],
])('frames of the gateway: %s is malformed', (_name, hex) => {
  expect(errorOf(decodeGatewayFrame, fromHex(hex))).toBeInstanceOf(ClientProtocolError);
});

test('frames: unknown flags are ignored', () => {
  expect(decodeClientFrame(fromHex('01 01 fc'))).toEqual({ op: 'hello' });
  expect(decodeGatewayFrame(fromHex('83 fc 00 00 00 07 01'))).toMatchObject({ isBinary: false });
});

test('varint: the highest integer is 2^53 - 1', () => {
  const frame = { op: 'cancel', number: Number.MAX_SAFE_INTEGER } as const;
  expect(decodeClientFrame(encodeClientFrame(frame))).toEqual(frame);
  expect(encodeClientFrame(frame)).toHaveLength(9);
});

test.each([
  ['a negative number', { op: 'cancel', number: -1 }],
  ['a fraction', { op: 'cancel', number: 0.5 }],
  ['a number above 2^53 - 1', { op: 'cancel', number: 2 ** 53 }],
] as const)('encoder: %s throws a RangeError', (_name, frame) => {
  expect(() => encodeClientFrame(frame)).toThrow(RangeError);
});

test('encoder: a source of more than 32 bits throws a RangeError', () => {
  const frame = { op: 'ping', positions: new Map([[2 ** 32, 1]]) } as const;
  expect(() => encodeGatewayFrame(frame)).toThrow(RangeError);
});

test('decoder: a payload is a view of the frame', () => {
  const frame = fromHex('02 00 01 68 69');
  const decoded = decodeClientFrame(frame);
  expect(decoded).toMatchObject({ op: 'send' });
  if (decoded.op === 'send') expect(decoded.payload.buffer).toBe(frame.buffer);
});

test('text: is UTF-8 and keeps a byte order mark', () => {
  expect(decodeText(encodeText('\ufeffgrün 🙂'))).toBe('\ufeffgrün 🙂');
  expect(() => decodeText(Uint8Array.of(0xff))).toThrow(ClientProtocolError);
});
