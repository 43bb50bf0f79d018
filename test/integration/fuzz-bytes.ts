import fc from 'fast-check';
import { frame, goodHandshake } from './websocket-frames.ts';

/** Bytes that a test throws. */
export type Bytes = fc.Arbitrary<Buffer>;

/** Bytes without any meaning. */
export const noise: Bytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

/** A few bytes without any meaning. */
export const short: Bytes = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));

/** Any number of these, one behind the other. */
export function joined(part: Bytes, maxLength: number): Bytes {
  return fc.array(part, { minLength: 1, maxLength }).map((parts) => Buffer.concat(parts));
}

/** Valid bytes with a few faults: headers are at the start, so most faults are there. */
export function mutated(valid: Bytes): Bytes {
  const place = fc.oneof(fc.nat(15), fc.nat(400));
  const fault = fc.record({
    kind: fc.constantFrom('replace', 'insert', 'remove', 'repeat', 'cut'),
    place,
    bytes: fc.oneof(short, fc.constantFrom(Buffer.alloc(4), Buffer.alloc(4, 0xff))),
    length: fc.nat(20),
  });
  return fc
    .tuple(valid, fc.array(fault, { minLength: 1, maxLength: 3 }))
    .map(([bytes, faults]) => faults.reduce(withFault, bytes));
}

function withFault(
  all: Buffer,
  fault: { kind: string; place: number; bytes: Buffer; length: number },
): Buffer {
  const at = all.length === 0 ? 0 : fault.place % all.length;
  const end = at + fault.length;
  const before = all.subarray(0, at);
  if (fault.kind === 'cut') return before;
  if (fault.kind === 'remove') return Buffer.concat([before, all.subarray(end)]);
  if (fault.kind === 'insert') return Buffer.concat([before, fault.bytes, all.subarray(at)]);
  if (fault.kind === 'repeat') return Buffer.concat([all.subarray(0, end), all.subarray(at)]);
  return Buffer.concat([before, fault.bytes, all.subarray(at + fault.bytes.length)]);
}

/** A frame of a websocket whose every header bit and length is arbitrary. */
const anyWebsocketFrame: Bytes = fc
  .record({
    first: fc.nat(255),
    second: fc.nat(255),
    length: fc.oneof(noise, fc.constantFrom(Buffer.alloc(10), Buffer.alloc(10, 0xff))),
    payload: noise,
  })
  .map(({ first, second, length, payload }) => {
    return Buffer.concat([Buffer.of(first, second), length, payload]);
  });

/** A frame that a client may send, parts of messages and control frames among them. */
const validWebsocketFrame: Bytes = fc
  .record({
    opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
    payload: fc.oneof(
      noise.map((bytes) => bytes.subarray(0, 125)),
      noise.map((bytes) => Buffer.alloc(1000 + bytes.length, 'x')),
      fc.constantFrom(Buffer.from([3, 0xe8]), Buffer.from([3, 0xed]), Buffer.from('plain')),
    ),
    isFinal: fc.boolean(),
  })
  .map(({ opcode, payload, isFinal }) => frame(opcode, payload, { isFinal }));

/** What may follow a good handshake. */
export const websocketFrames: Bytes = joined(
  fc.oneof(validWebsocketFrame, mutated(validWebsocketFrame), anyWebsocketFrame),
  5,
);

const header = fc.oneof(
  fc.constantFrom(
    'Host: x',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'Connection: Upgrade',
    'Connection: keep-alive',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Key: short',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Version: 99999999999',
    'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits="',
    'Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate; x=y; x',
    'Sec-WebSocket-Protocol: a, a, ,b',
    'Content-Length: 5',
    'Content-Length: -1',
    'Transfer-Encoding: chunked',
    'Expect: 100-continue',
    'X-Forwarded-For: , 1.2.3.4, [::1]:80, unknown',
    'Cookie: %=%; ;=',
    'Origin: null',
    '__proto__: x',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const madeHandshake: Bytes = fc
  .tuple(
    fc.constantFrom('GET / HTTP/1.1', 'GET //[?#% HTTP/1.1', 'POST / HTTP/1.1', 'GET / HTTP/1.0'),
    fc.array(header, { maxLength: 10 }),
  )
  .map(([line, headers]) => Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'));

/** What may come instead of a good handshake of a websocket. */
export const websocketHandshakes: Bytes = joined(
  fc.oneof(noise, mutated(fc.constant(Buffer.from(goodHandshake))), madeHandshake),
  3,
);

/** Lines, some of them not UTF-8, not ended or too long. */
export const lines: Bytes = joined(
  fc.oneof(
    noise,
    fc.string({ unit: 'binary', maxLength: 60 }).map((text) => Buffer.from(`${text}\r\n`)),
    fc.nat(6000).map((length) => Buffer.alloc(length, 'x')),
  ),
  5,
);

/** Frames of `frame://`, some of them with a length of their own. */
export const lengthFrames: Bytes = joined(
  fc.tuple(fc.option(fc.nat(0xffff_ffff)), noise).map(([length, payload]) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length ?? payload.length + 4);
    return Buffer.concat([prefix, payload]);
  }),
  5,
);

/** Headers of the PROXY protocol, true and false ones. */
export const proxyHeaders: Bytes = fc.oneof(
  noise,
  mutated(
    fc.constantFrom(
      Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n'),
      Buffer.from('PROXY TCP6 2001:db8::7 ::1 40000 80\r\n'),
      Buffer.from('PROXY UNKNOWN\r\n'),
      Buffer.from('0d0a0d0a000d0a515549540a2111000ccb0071077f0000019c400050', 'hex'),
      Buffer.from(`0d0a0d0a000d0a515549540a21210024${'20'.repeat(36)}`, 'hex'),
    ),
  ),
);
