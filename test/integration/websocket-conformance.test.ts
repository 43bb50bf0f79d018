import { eventually, type Roles, startRoles } from '@gatewayworker/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeFrame, frame, goodHandshake, Opcode, openRaw } from './websocket-frames.ts';

// RFC 6455 sections 4, 5 and 7, in the order of the cases of the Autobahn testsuite.

const MAX_MESSAGE_BYTES = 200_000;

let cluster: Roles;
let port = 0;

beforeAll(async () => {
  cluster = await startRoles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
    gateways: 2,
    workers: 2,
    // A ping of the gateway would arrive between the frames that a case expects.
    gatewayOptions: { maxMessageBytes: MAX_MESSAGE_BYTES, pingInterval: 0 },
  });
  port = cluster.gateways[0]?.port ?? 0;
});

afterAll(() => cluster.stop());

const { Text, Binary, Continuation, Close, Ping, Pong } = Opcode;
const part = { isFinal: false };
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Name, frames that are sent, frames that are expected. */
type Case = readonly [name: string, sent: readonly Buffer[], expected: readonly string[]];

const lengths = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 150_000];

const framing: Case[] = lengths.flatMap((length): Case[] => [
  [`text of ${length} bytes`, [frame(Text, '*'.repeat(length))], [`text ${'*'.repeat(length)}`]],
  [
    `binary of ${length} bytes`,
    [frame(Binary, Buffer.alloc(length, 0xfe))],
    [`binary ${'\xfe'.repeat(length)}`],
  ],
]);

const pings: Case[] = [
  ['an empty ping', [frame(Ping, '')], ['pong ']],
  ['a ping with text', [frame(Ping, 'Hello')], ['pong Hello']],
  ['a ping with bytes', [frame(Ping, hex('00fffefdfc00ff'))], ['pong \0\xff\xfe\xfd\xfc\0\xff']],
  ['a ping of 125 bytes', [frame(Ping, 'x'.repeat(125))], [`pong ${'x'.repeat(125)}`]],
  ['a ping of 126 bytes', [frame(Ping, 'x'.repeat(126))], ['close 1002']],
  ['an unsolicited pong', [frame(Pong, 'x'), frame(Ping, 'y')], ['pong y']],
  [
    'ten pings',
    Array.from({ length: 10 }, (_, index) => frame(Ping, `p${index}`)),
    Array.from({ length: 10 }, (_, index) => `pong p${index}`),
  ],
];

const reserved: Case[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map(
    (bits): Case => [
      `reserved bits ${bits}`,
      [frame(Text, 'x', { reserved: bits })],
      ['close 1002'],
    ],
  ),
  ['a ping with a reserved bit', [frame(Ping, '', { reserved: 4 })], ['close 1002']],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode): Case => [`opcode ${opcode}`, [frame(opcode, 'x')], ['close 1002']],
  ),
];

const fragments: Case[] = [
  ['a fragmented ping', [frame(Ping, 'a', part), frame(Continuation, 'b')], ['close 1002']],
  ['a fragmented pong', [frame(Pong, 'a', part), frame(Continuation, 'b')], ['close 1002']],
  ['two fragments', [frame(Text, 'a', part), frame(Continuation, 'b')], ['text ab']],
  [
    'a ping between fragments, answered first',
    [frame(Text, 'a', part), frame(Ping, 'p'), frame(Continuation, 'b')],
    ['pong p', 'text ab'],
  ],
  [
    'empty fragments',
    [frame(Text, '', part), frame(Continuation, '', part), frame(Continuation, '')],
    ['text '],
  ],
  ['a continuation of nothing', [frame(Continuation, 'a')], ['close 1002']],
  ['an unfinished continuation of nothing', [frame(Continuation, 'a', part)], ['close 1002']],
  [
    'a continuation behind a whole message',
    // The worker's answer arrives after the connection was closed.
    [frame(Text, 'a'), frame(Continuation, 'b')],
    ['close 1002'],
  ],
  ['a new message within fragments', [frame(Text, 'a', part), frame(Text, 'b')], ['close 1002']],
  [
    'many fragments with pings between',
    [
      frame(Binary, 'a', part),
      frame(Ping, '1'),
      frame(Continuation, 'b', part),
      frame(Ping, '2'),
      frame(Continuation, 'c'),
    ],
    ['pong 1', 'pong 2', 'binary abc'],
  ],
];

const greek = 'κόσμε';
const invalid: [string, string][] = [
  ['a lone continuation byte', '80'],
  ['a character that is cut off', 'e282'],
  ['an overlong slash', 'c0af'],
  ['an overlong null', 'e08080'],
  ['a surrogate', 'eda080'],
  ['a pair of surrogates', 'eda080edb080'],
  ['beyond U+10FFFF', 'f4908080'],
  ['five bytes', 'f888808080'],
  ['0xFF', 'ff'],
];

const utf8: Case[] = [
  ['two, three and four bytes a character', [frame(Text, `ü€😀${greek}`)], [`text ü€😀${greek}`]],
  ['the last character there is', [frame(Text, hex('f48fbfbf'))], ['text \u{10ffff}']],
  ['a noncharacter', [frame(Text, hex('efbfbf'))], ['text \uffff']],
  [
    'a character that is split over fragments',
    [
      frame(Text, hex('e2'), part),
      frame(Continuation, hex('82'), part),
      frame(Continuation, hex('ac')),
    ],
    ['text €'],
  ],
  ...invalid.flatMap(([name, bytes]): Case[] => [
    [name, [frame(Text, hex(bytes))], ['close 1007']],
    [
      `${name} behind text`,
      [frame(Text, Buffer.concat([Buffer.from(greek), hex(bytes)]))],
      ['close 1007'],
    ],
    [
      `${name} in the second fragment`,
      [frame(Text, 'a', part), frame(Continuation, hex(bytes))],
      ['close 1007'],
    ],
    [`${name} as binary`, [frame(Binary, hex(bytes))], [`binary ${hex(bytes).toString('latin1')}`]],
  ]),
];

const goodCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const badCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535];

const closes: Case[] = [
  ['a close without a code', [frame(Close, '')], ['close']],
  ['a close of one byte', [frame(Close, 'x')], ['close 1002']],
  ['a close with a reason', [closeFrame(1000, 'bye')], ['close 1000']],
  ['a close with a reason of 123 bytes', [closeFrame(1000, 'x'.repeat(123))], ['close 1000']],
  ['a close with a reason of 124 bytes', [closeFrame(1000, 'x'.repeat(124))], ['close 1002']],
  ['a close with a reason that is not UTF-8', [closeFrame(1000, hex('c328'))], ['close 1007']],
  ['two closes', [closeFrame(1000), closeFrame(1001)], ['close 1000']],
  ['a message behind a close', [closeFrame(1000), frame(Text, 'late')], ['close 1000']],
  ['a ping behind a close', [closeFrame(1000), frame(Ping, 'late')], ['close 1000']],
  ...goodCodes.map((code): Case => [`close code ${code}`, [closeFrame(code)], [`close ${code}`]]),
  ...badCodes.map((code): Case => [`close code ${code}`, [closeFrame(code)], ['close 1002']]),
];

const limits: Case[] = [
  ['a frame that is not masked', [frame(Text, 'x', { isMasked: false })], ['close 1002']],
  ['a ping that is not masked', [frame(Ping, '', { isMasked: false })], ['close 1002']],
  ['a length of 2^63', [hex('81ff8000000000000000')], ['close 1009']],
  ['a length of 2^53', [hex('81ff0020000000000000')], ['close 1009']],
  ['a message past the limit', [frame(Text, 'x'.repeat(MAX_MESSAGE_BYTES + 1))], ['close 1009']],
  [
    'fragments past the limit',
    [frame(Text, 'x'.repeat(MAX_MESSAGE_BYTES), part), frame(Continuation, 'x')],
    ['close 1009'],
  ],
];

describe.each([
  ['5.2 framing', framing],
  ['5.5 pings and pongs', pings],
  ['5.2 reserved bits and opcodes', reserved],
  ['5.4 fragments', fragments],
  ['8.1 UTF-8', utf8],
  ['7 closing', closes],
  ['5.1 masks, and limits', limits],
])('%s', (_section, cases) => {
  test.each(cases)('%s', async (_name, sent, expected) => {
    const websocket = await openRaw(port);
    await websocket.send(Buffer.concat(sent));
    await websocket.expect(expected);
    if (expected.at(-1)?.startsWith('close') === true) {
      // Source: RFC 6455 7.1.1: the server closes the TCP connection first.
      await eventually(() => websocket.isEnded);
    } else {
      await websocket.send(frame(Ping, 'last'));
    }
    await websocket.expect(websocket.isEnded ? expected : [...expected, 'pong last']);
  });
});

test.each([
  ['bytewise', 1, 300],
  ['in pieces of 997 bytes', 997, 65_536],
])('a message that comes %s is the same message', async (_name, pieceBytes, length) => {
  const websocket = await openRaw(port);
  const text = 'ü'.repeat(length / 2);
  await websocket.send(frame(Text, text), pieceBytes);
  await websocket.expect([`text ${text}`]);
});

describe('4.2 the opening handshake', () => {
  const without = (header: string): string =>
    goodHandshake.replace(new RegExp(`${header}: [^\\r]*\\r\\n`), '');

  test('has the accept key of the RFC', async () => {
    const { response } = await openRaw(port);
    expect(response).toMatch(/^HTTP\/1\.1 101 /);
    expect(response).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
  });

  test.each([
    ['no key', without('Sec-WebSocket-Key'), /^HTTP\/1\.1 400 /],
    ['a key that is none', goodHandshake.replace('dGhl', '!!!!'), /^HTTP\/1\.1 400 /],
    ['no version', without('Sec-WebSocket-Version'), /^HTTP\/1\.1 4(?:00|26) /],
    [
      'another version',
      goodHandshake.replace('Version: 13', 'Version: 12'),
      /^HTTP\/1\.1 4(?:00|26) /,
    ],
    ['no upgrade', without('Upgrade'), /^HTTP\/1\.1 426 /],
    [
      'an upgrade to something else',
      goodHandshake.replace(': websocket', ': h2c'),
      /^HTTP\/1\.1 4(?:00|26) /,
    ],
    ['POST', goodHandshake.replace('GET', 'POST'), /^HTTP\/1\.1 4(?:00|05|26) /],
    [
      '100 KB of headers',
      goodHandshake.replace('Host:', `X: ${'x'.repeat(100_000)}\r\nHost:`),
      /^HTTP\/1\.1 431 /,
    ],
    ['bytes that are no HTTP', '\0\x01\x02\r\n\r\n', /^HTTP\/1\.1 400 /],
  ])('%s is refused', async (_name, head, expected) => {
    const { response } = await openRaw(port, head);
    expect(response).toMatch(expected);
  });

  test('names its version', async () => {
    const { response } = await openRaw(port, goodHandshake.replace('Version: 13', 'Version: 12'));
    expect(response).toMatch(/\r\nSec-WebSocket-Version: .*13/);
  });
});
