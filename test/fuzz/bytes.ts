import fc from 'fast-check';
import { frame, goodHandshake } from '../integration/websocket-frames.ts';

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

const octet = fc.nat(300);
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const ipv6 = fc.oneof(
  fc.constantFrom('::1', '::', '0:0:0:0:0:0:0:1', '1::2::3', '::ffff:999.1.1.1'),
  fc.constantFrom('::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4', '64:ff9b::1.2.3.4'),
  fc
    .array(
      fc.nat(0x1ffff).map((group) => group.toString(16)),
      { minLength: 1, maxLength: 9 },
    )
    .map((groups) => groups.join(':')),
);

/** One address as a proxy may name it, or as a client may forge it. */
const hop = fc
  .tuple(
    fc.oneof(ipv4, ipv6, fc.constantFrom('unknown', '', '_hidden', 'localhost', '1.2.3.4.5')),
    fc.constantFrom('', '', '', '%x', '%', '%25eth0', '/8', ':80', ':99999', '\t', ' ', '"'),
    fc.boolean(),
  )
  .map(([address, suffix, isBracketed]) =>
    isBracketed ? `[${address}${suffix}]` : address + suffix,
  );

const hops = fc.oneof(
  fc.array(hop, { maxLength: 4 }),
  fc.tuple(hop, fc.nat(2000)).map(([one, count]) => Array.from({ length: count }, () => one)),
);

/** A good handshake with one field that a client or a proxy may fill as it likes. */
const filledHandshake: Bytes = fc
  .oneof(
    { weight: 6, arbitrary: hops.map((list) => `X-Forwarded-For: ${list.join(', ')}`) },
    fc
      .tuple(hops, hops)
      .map((two) => two.map((list) => `X-Forwarded-For: ${list.join(',')}`).join('\r\n')),
    fc
      .tuple(fc.nat(2200), hop)
      .map(([count, one]) => `${'a: b\r\n'.repeat(count)}X-Forwarded-For: ${one}`),
    fc
      .array(fc.tuple(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })), { maxLength: 500 })
      .map((pairs) => `Cookie: ${pairs.map((pair) => pair.join('=')).join('; ')}`),
    fc.nat(15_000).map((length) => `Cookie: ${'%'.repeat(length)}`),
    fc
      .tuple(fc.constantFrom('permessage-deflate', 'x', '"', ';', ','), fc.nat(1500))
      .map(([part, count]) => `Sec-WebSocket-Extensions: ${`${part}; a=1, `.repeat(count)}x`),
    fc
      .nat(3000)
      .map(
        (count) =>
          `Sec-WebSocket-Protocol: ${Array.from({ length: count }, (_, index) => `p${index}`).join(',')}`,
      ),
    fc.nat(15_000).map((length) => `Origin: http://${'a'.repeat(length)}`),
    fc.constantFrom('Host: a\r\nHost: b', 'Host:', 'Host: [', 'Host: a:99999', 'Host: %'),
  )
  .map((line) => Buffer.from(goodHandshake.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`), 'latin1'));

/** A good handshake for any path and query. */
const pathHandshake: Bytes = fc
  .oneof(
    fc.string({ maxLength: 60 }),
    fc.constantFrom(
      '//',
      '/%',
      '/?%',
      '/..',
      '*',
      'http://[',
      '/\u00e9',
      '/?a[]=1&__proto__=2',
      '/#',
    ),
    fc.nat(15_000).map((length) => `/?${'a&'.repeat(length / 2)}`),
  )
  .map((path) => Buffer.from(goodHandshake.replace('/chat', path), 'latin1'));

/** What may come instead of a good handshake of a websocket. */
export const websocketHandshakes: Bytes = fc.oneof(
  { weight: 4, arbitrary: filledHandshake },
  pathHandshake,
  joined(fc.oneof(noise, mutated(fc.constant(Buffer.from(goodHandshake))), madeHandshake), 3),
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
  fc
    .tuple(fc.constantFrom('TCP4', 'TCP6', 'UNKNOWN', 'UDP4'), hop, hop, octet, octet)
    .map((parts) => Buffer.from(`PROXY ${parts.join(' ')}\r\n`)),
  fc
    .tuple(fc.constantFrom(0x11, 0x21, 0x12, 0x22, 0x31, 0x00, 0xff), fc.nat(0xffff), noise)
    .map(([family, length, rest]) => {
      const start = Buffer.from('0d0a0d0a000d0a515549540a21000000', 'hex');
      start.writeUInt8(family, 13);
      start.writeUInt16BE(length, 14);
      return Buffer.concat([start, rest]);
    }),
  mutated(
    fc.constantFrom(
      Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n'),
      Buffer.from('PROXY TCP6 2001:db8::7 ::1 40000 80\r\n'),
      Buffer.from('PROXY UNKNOWN\r\n'),
      Buffer.from('PROXY TCP6 ::ffff:1.2.3.4 ::1 5 6\r\n'),
      Buffer.from('0d0a0d0a000d0a515549540a2111000ccb0071077f0000019c400050', 'hex'),
      Buffer.from(`0d0a0d0a000d0a515549540a21210024${'20'.repeat(36)}`, 'hex'),
    ),
  ),
);

/** One value of msgpack or its beginning, with every head that the format has. */
const msgpackHead: Bytes = fc.oneof(
  fc.nat(255).map((byte) => Buffer.of(byte)),
  fc
    .tuple(fc.constantFrom(0xc4, 0xc7, 0xd9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8), noise)
    .map(([head, rest]) => Buffer.concat([Buffer.of(head), rest])),
  // Extensions that msgpackr knows: structured clones, records, errors, typed arrays, dates.
  fc
    .tuple(fc.constantFrom(0x69, 0x70, 0x62, 0x65, 0x73, 0x74, 0x78, 0x72, 0xff), noise)
    .map(([kind, rest]) => Buffer.concat([Buffer.of(0xd6, kind), rest])),
  // Lengths that nothing follows.
  fc
    .tuple(fc.constantFrom(0xdd, 0xdf, 0xdb, 0xc6, 0xc9), fc.nat(0xffff_ffff))
    .map(([head, length]) => {
      const bytes = Buffer.alloc(5);
      bytes.writeUInt8(head);
      bytes.writeUInt32BE(length, 1);
      return bytes;
    }),
  fc.constantFrom(
    Buffer.of(0x81, 0xa1, 0x61),
    Buffer.of(0x92),
    Buffer.from([0xa9, ...Buffer.from('__proto__')]),
  ),
);

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Lists that msgpackr's structured clones share, each holding the one before so many times: small, but huge when written out. */
function sharedLists(levels: number, references: number): Buffer {
  const define = (id: number, value: Buffer): Buffer =>
    Buffer.concat([Buffer.of(0xd6, 0x69), bigEndian(id), value]);
  let bytes = define(0, Buffer.of(0x91, 1));
  for (let id = 1; id < levels; id += 1) {
    const reference = Buffer.concat([Buffer.of(0xd6, 0x70), bigEndian(id - 1)]);
    const list = Buffer.concat(Array.from({ length: references }, () => reference));
    bytes = define(id, Buffer.concat([Buffer.of(0xdc, 0, references + 1), bytes, list]));
  }
  return bytes;
}

/** Nested or repeated heads, up to 48 KiB. */
export const msgpackBytes: Bytes = fc.oneof(
  joined(msgpackHead, 12),
  fc
    .tuple(fc.nat(9), fc.nat(12), fc.nat(2))
    .map(([levels, references, extra]) =>
      Buffer.concat([sharedLists(levels, references), Buffer.alloc(extra)]),
    ),
  fc
    .tuple(msgpackHead, fc.nat(4000))
    .map(([head, count]) =>
      Buffer.concat(
        Array.from(
          { length: Math.min(count, Math.floor(49_152 / Math.max(head.length, 1))) },
          () => head,
        ),
      ),
    ),
  fc
    .nat(8)
    .chain((levels) =>
      joined(msgpackHead, 4).map((bytes) =>
        Buffer.concat(Array.from({ length: 1 << levels }, () => bytes).concat(Buffer.of(0))),
      ),
    ),
);
