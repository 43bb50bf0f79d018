import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import {
  packSessionDelta,
  packValue,
  readMessage,
  unpackClientRequest,
  unpackSessionDelta,
  unpackValue,
  writeMessage,
} from './codec.ts';
import { Command } from './command.ts';
import { FrameError } from './frame-error.ts';
import type { Message } from './messages.ts';

const gateway = { address: '127.0.0.1:2000', instanceId: 'i', gatewayToken: 5, name: 'gateway' };
const delta = {
  unset: false,
  clear: true,
  remove: ['a'],
  set: { b: [1] },
  merge: { c: { remove: ['d'], set: { e: 1 }, merge: { f: { remove: [], set: {}, merge: {} } } } },
};
const client = { connection: 1, nonceHigh: 2, nonceLow: 3 };
const resumable = {
  clientId: 'AAAAABBBBBCCCCCDDDDD',
  generation: 4,
  secret: Buffer.from('secret'),
  previousSecret: Buffer.from('previous'),
  received: 2 ** 40,
  windowMs: 120_000,
  ageMs: 5000,
  uidAgeMs: 4000,
  groups: [{ group: 'g', ageMs: 3000 }],
};
const sessionState = {
  info: resumable,
  uid: '7',
  session: Buffer.from('session'),
  request: Buffer.from('request'),
  remoteAddress: '::1',
  remotePort: 65_535,
  gatewayPort: 8282,
  isParked: true,
  awayMs: 2000,
};

/** A message of each type, with every optional field. */
const messages: { readonly [T in Message['type']]: Extract<Message, { readonly type: T }> } = {
  hello: {
    type: 'hello',
    version: 1,
    role: 'worker',
    instanceId: 'abc',
    name: 'chat-worker',
    id: 0,
    nonce: Buffer.alloc(32, 7),
    resume: { linkId: 'l', received: 2 ** 40 },
  },
  challenge: {
    type: 'challenge',
    version: 1,
    role: 'register',
    instanceId: 'abc',
    nonce: Buffer.alloc(32, 7),
  },
  proof: { type: 'proof', proof: Buffer.alloc(32, 8), otherProofs: [Buffer.alloc(32, 9)] },
  welcome: {
    type: 'welcome',
    proof: Buffer.alloc(32, 9),
    name: 'gateway',
    id: 2,
    gatewayToken: 2 ** 30 - 1,
    linkId: 'l',
    resumedAt: 2 ** 40,
  },
  refusal: { type: 'refusal', code: 'GW_ERR_VERSION_MISMATCH', message: 'no' },
  gatewayAnnouncement: { type: 'gatewayAnnouncement', gateway, isAgain: true },
  gatewayList: { type: 'gatewayList', gateways: [gateway, { ...gateway, address: '[::1]:1' }] },
  workerList: { type: 'workerList', instanceIds: ['a', 'b'] },
  clientAttached: {
    type: 'clientAttached',
    ...client,
    remoteAddress: '::1',
    remotePort: 65_535,
    gatewayPort: 8282,
    request: Buffer.from('request'),
    uid: '7',
    session: Buffer.from('session'),
    resumable,
  },
  clientClosed: {
    type: 'clientClosed',
    connection: 1,
    by: 'client',
    code: 1006,
    reason: '',
    isRedelivered: false,
  },
  handshakeRequest: {
    type: 'handshakeRequest',
    requestId: 9,
    remoteAddress: '::1',
    remotePort: 65_535,
    gatewayPort: 8282,
    request: Buffer.from('request'),
  },
  handshakeResponse: {
    type: 'handshakeResponse',
    requestId: 9,
    isAccepted: true,
    status: 101,
    reason: '',
    uid: '7',
    session: Buffer.from('session'),
    groups: ['g'],
  },
  sessionChanged: { type: 'sessionChanged', connection: 1, appliedChanges: 3, delta },
  uidChanged: { type: 'uidChanged', connection: 1, appliedChanges: 2, uid: 'u' },
  query: { type: 'query', requestId: 9, query: { kind: 'isOnline', client } },
  queryAnswer: { type: 'queryAnswer', requestId: 9, answer: ['a', null] },
  queryPart: { type: 'queryPart', requestId: 9, part: ['a', 1] },
  receiptReport: {
    type: 'receiptReport',
    receiptId: 9,
    isComplete: true,
    isFull: false,
    devices: [{ clientId: 'AAAAABBBBBCCCCCDDDDD', outcome: 'handled', ms: 5, value: 'v' }],
  },
  queryFailure: { type: 'queryFailure', requestId: 9, code: 'GW_ERR_INTERNAL', message: 'm' },
  laneSubscribe: { type: 'laneSubscribe', maxAgeMs: 120_000, maxBytes: 2 ** 40 },
  replayRequest: {
    type: 'replayRequest',
    requestId: 9,
    clientId: 'AAAAABBBBBCCCCCDDDDD',
    ...client,
    ageMs: 5000,
    uid: '7',
    uidAgeMs: 4000,
    groups: [{ group: 'g', ageMs: 3000 }],
    positions: [{ source: 2 ** 32 - 1, offset: 2 ** 40 }],
  },
  replayDone: {
    type: 'replayDone',
    requestId: 9,
    positions: [{ source: 1, offset: 2 ** 40 }],
    gaps: [{ source: 1, offset: 3 }],
  },
  aliasAdded: { type: 'aliasAdded', clientId: 'AAAAABBBBBCCCCCDDDDD', ...client },
  aliasRemoved: { type: 'aliasRemoved', clientId: 'AAAAABBBBBCCCCCDDDDD', connection: 1 },
  sessionClaim: {
    type: 'sessionClaim',
    requestId: 9,
    clientId: 'AAAAABBBBBCCCCCDDDDD',
    secret: Buffer.from('secret'),
  },
  sessionFound: { type: 'sessionFound', requestId: 9, isKnown: true, state: sessionState },
  sessionRelease: {
    type: 'sessionRelease',
    requestId: 9,
    ...client,
    secret: Buffer.from('secret'),
  },
  sessionReleased: { type: 'sessionReleased', requestId: 9, connection: 1, state: sessionState },
  sessionPark: { type: 'sessionPark', state: sessionState },
  sessionSecret: {
    type: 'sessionSecret',
    connection: 1,
    secret: Buffer.from('secret'),
    previousSecret: Buffer.from('previous'),
  },
};

const commands: Readonly<Record<Message['type'], number>> = {
  hello: 0x01,
  challenge: 0x02,
  proof: 0x03,
  welcome: 0x04,
  refusal: 0x05,
  gatewayAnnouncement: 0x10,
  gatewayList: 0x11,
  workerList: 0x12,
  clientAttached: 0x20,
  clientClosed: 0x23,
  sessionChanged: 0x24,
  uidChanged: 0x25,
  handshakeRequest: 0x26,
  handshakeResponse: 0x2a,
  query: 0x60,
  queryAnswer: 0x61,
  queryPart: 0x63,
  receiptReport: 0x47,
  queryFailure: 0x62,
  laneSubscribe: 0x90,
  replayRequest: 0x92,
  replayDone: 0x94,
  aliasAdded: 0x95,
  aliasRemoved: 0x96,
  sessionClaim: 0xa0,
  sessionFound: 0xa1,
  sessionRelease: 0xa2,
  sessionReleased: 0xa3,
  sessionPark: 0xa4,
  sessionSecret: 0xa5,
};

function frameOf(message: Message): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, message);
  return writer.buffer.subarray(0, writer.length);
}

function readFrame(frame: Buffer): Message | undefined {
  return readMessage(frame.readUInt8(4), frame, 5, frame.length);
}

/** Reads a message of this type with this body. */
function readBody(type: Message['type'], body: unknown): Message | undefined {
  const packed = packValue(body);
  return readMessage(commands[type], packed, 0, packed.length);
}

const everyMessage = Object.values(messages);

test.each(everyMessage.map((message) => [message.type, message] as const))(
  'codec: %s has its command number and is read back',
  (type, message) => {
    const frame = frameOf(message);
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    expect(frame.readUInt8(4)).toBe(commands[type]);
    expect(readFrame(frame)).toEqual(message);
  },
);

test('writeMessage: the body is a plain msgpack map', () => {
  expect(
    frameOf({ type: 'uidChanged', connection: 1, appliedChanges: 2, uid: 'u' }).toString('hex'),
  ).toBe(
    [
      ...['00000026', '25', 'de0003', 'aa636f6e6e656374696f6e', '01'],
      ...['ae6170706c6965644368616e676573', '02', 'a3756964', 'a175'],
    ].join(''),
  );
});

test.each<Message>([
  {
    ...messages.clientAttached,
    request: undefined,
    uid: undefined,
    session: undefined,
  },
  { ...messages.clientClosed, code: undefined, reason: undefined },
  { ...messages.uidChanged, uid: undefined },
])('codec: $type without its optional fields is read back', (message) => {
  expect(readFrame(frameOf(message))).toEqual(message);
});

test('readMessage: an optional field may be missing or null', () => {
  const expected = { type: 'clientClosed', connection: 1, by: 'client', code: undefined };
  expect(readBody('clientClosed', { connection: 1, by: 'client' })).toMatchObject(expected);
  const nulls = { connection: 1, by: 'client', code: null, reason: null };
  expect(readBody('clientClosed', nulls)).toMatchObject(expected);
});

test('readMessage: returns undefined for a binary command', () => {
  const structured = new Set(Object.values(commands));
  for (let command = 0; command < 256; command++) {
    if (structured.has(command)) continue;
    expect(readMessage(command, Buffer.alloc(0), 0, 0)).toBeUndefined();
  }
});

test('readMessage: ignores unknown fields', () => {
  expect(readBody('proof', { proof: Buffer.from('p'), salt: 1 })).toEqual({
    type: 'proof',
    proof: Buffer.from('p'),
    otherProofs: [],
  });
});

type Path = readonly string[];

const requiredInInfo: readonly Path[] = [
  ['clientId'],
  ['generation'],
  ['secret'],
  ['received'],
  ['windowMs'],
  ['ageMs'],
  ['uidAgeMs'],
  ['groups'],
  ['groups', '0', 'group'],
  ['groups', '0', 'ageMs'],
];

const requiredInState: readonly Path[] = [
  ['state', 'info'],
  ...requiredInInfo.map((path) => ['state', 'info', ...path]),
  ['state', 'remoteAddress'],
  ['state', 'remotePort'],
  ['state', 'gatewayPort'],
  ['state', 'awayMs'],
];

/** Every required field of a message, as a path into its body. */
const required: Readonly<Record<Message['type'], readonly Path[]>> = {
  hello: [['version'], ['role'], ['instanceId'], ['name'], ['id'], ['nonce']],
  challenge: [['version'], ['role'], ['instanceId'], ['nonce']],
  proof: [['proof']],
  welcome: [['proof'], ['name'], ['id'], ['gatewayToken']],
  refusal: [['code'], ['message']],
  gatewayAnnouncement: [
    ['gateway'],
    ['gateway', 'address'],
    ['gateway', 'instanceId'],
    ['gateway', 'gatewayToken'],
    ['gateway', 'name'],
  ],
  gatewayList: [
    ['gateways'],
    ['gateways', '1', 'address'],
    ['gateways', '1', 'instanceId'],
    ['gateways', '1', 'gatewayToken'],
    ['gateways', '1', 'name'],
  ],
  workerList: [['instanceIds']],
  clientAttached: [
    ['connection'],
    ['nonceHigh'],
    ['nonceLow'],
    ['remoteAddress'],
    ['remotePort'],
    ['gatewayPort'],
    ...requiredInInfo.map((path) => ['resumable', ...path]),
  ],
  clientClosed: [['connection'], ['by']],
  sessionChanged: [
    ['connection'],
    ['appliedChanges'],
    ['delta'],
    ['delta', 'remove'],
    ['delta', 'set'],
    ['delta', 'merge'],
    ['delta', 'merge', 'c'],
    ['delta', 'merge', 'c', 'remove'],
    ['delta', 'merge', 'c', 'set'],
    ['delta', 'merge', 'c', 'merge'],
  ],
  uidChanged: [['connection'], ['appliedChanges']],
  handshakeRequest: [
    ['requestId'],
    ['remoteAddress'],
    ['remotePort'],
    ['gatewayPort'],
    ['request'],
  ],
  handshakeResponse: [['requestId'], ['status'], ['reason'], ['groups']],
  query: [
    ['requestId'],
    ['query'],
    ['query', 'kind'],
    ['query', 'client'],
    ['query', 'client', 'connection'],
    ['query', 'client', 'nonceHigh'],
    ['query', 'client', 'nonceLow'],
  ],
  queryAnswer: [['requestId']],
  queryPart: [['requestId']],
  receiptReport: [
    ['receiptId'],
    ['devices'],
    ['devices', '0', 'clientId'],
    ['devices', '0', 'outcome'],
    ['devices', '0', 'ms'],
    ['devices', '0', 'value'],
  ],
  queryFailure: [['requestId'], ['code'], ['message']],
  laneSubscribe: [['maxAgeMs'], ['maxBytes']],
  replayRequest: [
    ['requestId'],
    ['clientId'],
    ['connection'],
    ['nonceHigh'],
    ['nonceLow'],
    ['ageMs'],
    ['uidAgeMs'],
    ['groups'],
    ['groups', '0', 'group'],
    ['groups', '0', 'ageMs'],
    ['positions'],
    ['positions', '0', 'source'],
    ['positions', '0', 'offset'],
  ],
  replayDone: [
    ['requestId'],
    ['positions'],
    ['positions', '0', 'source'],
    ['positions', '0', 'offset'],
    ['gaps'],
    ['gaps', '0', 'source'],
    ['gaps', '0', 'offset'],
  ],
  aliasAdded: [['clientId'], ['connection'], ['nonceHigh'], ['nonceLow']],
  aliasRemoved: [['clientId'], ['connection']],
  sessionClaim: [['requestId'], ['clientId'], ['secret']],
  sessionFound: [['requestId'], ...requiredInState],
  sessionRelease: [['requestId'], ['connection'], ['nonceHigh'], ['nonceLow'], ['secret']],
  sessionReleased: [['requestId'], ['connection'], ...requiredInState],
  sessionPark: [['state'], ...requiredInState],
  sessionSecret: [['connection'], ['secret']],
};

/** Fields that may be absent, but must not have another type. */
const optional: readonly (readonly [Message['type'], Path])[] = [
  ['hello', ['resume']],
  ['proof', ['otherProofs']],
  ['welcome', ['linkId']],
  ['welcome', ['resumedAt']],
  ['clientAttached', ['request']],
  ['clientAttached', ['uid']],
  ['clientAttached', ['session']],
  ['clientClosed', ['code']],
  ['clientClosed', ['reason']],
  ['uidChanged', ['uid']],
  ['handshakeResponse', ['uid']],
  ['handshakeResponse', ['session']],
  ['replayRequest', ['uid']],
  ['clientAttached', ['resumable']],
  ['clientAttached', ['resumable', 'previousSecret']],
  ['sessionFound', ['state']],
  ['sessionFound', ['state', 'uid']],
  ['sessionReleased', ['state']],
  ['sessionPark', ['state', 'session']],
  ['sessionPark', ['state', 'request']],
  ['sessionSecret', ['previousSecret']],
];

/** Copies the value with the field at the path replaced. */
function replaceAt(value: unknown, path: Path, replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  if (Array.isArray(value)) {
    return value.map((entry, i) =>
      String(i) === key ? replaceAt(entry, rest, replacement) : entry,
    );
  }
  return Object.fromEntries(
    Object.entries(Object(value)).map(([name, held]) => [
      name,
      name === key ? replaceAt(held, rest, replacement) : held,
    ]),
  );
}

const requiredFields = everyMessage.flatMap((message) =>
  required[message.type].map((path) => [message.type, path] as const),
);

function errorOf(type: Message['type'], body: unknown): unknown {
  try {
    readBody(type, body);
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Matches an error that names the message and the field, or the object that contains it. */
function naming(type: Message['type'], path: Path): unknown {
  return expect.objectContaining({
    name: 'FrameError',
    code: 'GW_ERR_FRAME_MALFORMED',
    message: expect.stringMatching(new RegExp(`^${type}\\b.*\\b(?:${path.at(-1)}|body)\\b`)),
  });
}

test.each(requiredFields)('readMessage: %s without %s, the error names the field', (type, path) => {
  expect(errorOf(type, replaceAt(messages[type], path, undefined))).toEqual(naming(type, path));
});

// No field of any message may be a date, a negative number, a fraction, or a list of dates.
const wrongValues = [new Date(0), -1, 1.5, [new Date(0)]];

test('readMessage: a queryPart whose part is not a list is refused', () => {
  for (const part of [undefined, null, 'x', {}, 7]) {
    const error = errorOf('queryPart', { ...messages.queryPart, part });
    expect(error).toEqual(naming('queryPart', ['part']));
  }
});

test.each([...requiredFields, ...optional])(
  'readMessage: %s with a wrong type of %s, the error names the field',
  (type, path) => {
    for (const wrong of wrongValues) {
      expect(errorOf(type, replaceAt(messages[type], path, wrong))).toEqual(naming(type, path));
    }
  },
);

test.each(['version', 'id'])('readMessage: a %s of more than 32 bits is refused', (field) => {
  const body = replaceAt(messages.hello, [field], 2 ** 32);
  expect(errorOf('hello', body)).toEqual(naming('hello', [field]));
});

test.each<[Message['type'], string, string]>([
  ['hello', 'role', 'register'],
  ['challenge', 'role', 'worker'],
  ['clientClosed', 'by', 'toString'],
])('readMessage: %s with an unknown %s is refused: %s', (type, field, word) => {
  expect(errorOf(type, replaceAt(messages[type], [field], word))).toEqual(naming(type, [field]));
});

test.each([null, undefined, 7, 'text', [], [1], Buffer.from('x'), new Date(0)])(
  'readMessage: a body that is not an object is refused: %s',
  (body) => {
    for (const { type } of everyMessage) {
      expect(errorOf(type, body)).toEqual(naming(type, ['body']));
    }
  },
);

test('readMessage: random bytes throw only FrameError', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // A valid message with a few changed bytes gets past more checks than random bytes.
    fc
      .tuple(fc.constantFrom(...everyMessage), fc.array(fc.tuple(fc.nat(400), fc.nat(255))))
      .map(([message, changes]) => {
        const body = Buffer.from(frameOf(message).subarray(5));
        for (const [at, byte] of changes) if (at < body.length) body[at] = byte;
        return body;
      }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(commands)), bytes, (command, body) => {
      try {
        readMessage(command, Buffer.from(body), 0, body.length);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
        expect(error).toHaveProperty('code', 'GW_ERR_FRAME_MALFORMED');
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['an empty body', ''],
  ['a map that ends within a key', '82aa636f6e'],
  ['bytes after the value', '8000'],
])('unpackValue: %s is not msgpack', (_what, hex) => {
  expect(() => unpackValue(Buffer.from(hex, 'hex'))).toThrow(
    expect.objectContaining({
      name: 'FrameError',
      message: expect.stringMatching(/^a body is not msgpack/),
    }),
  );
});

test('unpackValue: a million nested lists are refused', () => {
  expect(() => unpackValue(Buffer.alloc(1_000_000, 0x91))).toThrow(FrameError);
});

test.each(['dd01ffffff', 'df01ffffff', 'c601ffffff', 'db01ffffff'])(
  'unpackValue: announced but missing entries take no memory: %s',
  (hex) => {
    const before = process.memoryUsage();
    expect(() => unpackValue(Buffer.from(hex, 'hex'))).toThrow(FrameError);
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(8 * 1024 * 1024);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
  },
);

/** Nested lists, each of 10 references to the one below: 10^levels entries when they are followed. */
function sharedGraph(levels: number): Buffer {
  const define = (id: number): Buffer => Buffer.from([0xd6, 0x69, 0, 0, 0, id]);
  const refer = (id: number): Buffer => Buffer.from([0xd6, 0x70, 0, 0, 0, id]);
  const parts = [Buffer.from([0x90 + levels + 1]), define(0), Buffer.from([0x91, 0xc0])];
  for (let id = 1; id <= levels; id++) {
    parts.push(define(id), Buffer.from([0x9a]), ...Array<Buffer>(10).fill(refer(id - 1)));
  }
  return Buffer.concat(parts);
}

test('unpackValue: refuses a graph of references within a millisecond per kilobyte', () => {
  const bytes = Buffer.concat([sharedGraph(6), Buffer.from([0])]);
  expect(bytes.length).toBeLessThan(500);
  const before = process.cpuUsage();
  for (let i = 0; i < 100; i++) expect(() => unpackValue(bytes)).toThrow(FrameError);
  // Following the references of one value takes longer than refusing a hundred values.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000);
});

test('unpackValue: an error never quotes the value', () => {
  const bytes = Buffer.concat([packValue({ secret: 'x'.repeat(1000) }), Buffer.from([0])]);
  for (let error = errorOfBytes(bytes); error !== undefined; ) {
    expect(String(error)).not.toContain('secret');
    error = error instanceof Error ? error.cause : undefined;
  }
});

function errorOfBytes(bytes: Buffer): unknown {
  try {
    return unpackValue(bytes);
  } catch (error) {
    return error;
  }
}

test.each([
  ['a record definition', 'd4724091a16101'],
  ['a record definition with a second byte', 'd572400091a16101'],
  ['a reference target', 'd6690000000190'],
  ['a reference', 'd67000000001'],
  ['bundled strings', 'd66200000005a161a162'],
  ['a set', 'd4730093010203'],
  ['an error', 'd4650093a14501c0'],
  ['a regular expression', 'd4780092a161a0'],
  ['a typed array', 'c7057400000000ff'],
  ['a large bigint', 'c70942ffffffffffffffffff'],
  ['an ext 16', 'c80001ff00'],
  ['an ext 32', 'c900000001ff00'],
  ['a timestamp of 2 bytes', 'd5ff0000'],
  ['the byte that msgpack never uses', 'c1'],
  ['a map key that is a number', '810102'],
  ['a map key that is a map', '818001'],
])('unpackValue: refuses %s', (_what, hex) => {
  for (const bytes of [hex, `91${hex}`, `81a161${hex}`]) {
    expect(() => unpackValue(Buffer.from(bytes, 'hex'))).toThrow(/^a body is not msgpack: /);
  }
});

test('unpackValue: accepts exactly what packValue writes', () => {
  const value = {
    list: [null, undefined, true, false, 0, -1, 1.5, 2 ** 40, -(2 ** 40), 2n ** 63n, -(2n ** 63n)],
    dates: [new Date(0), new Date(1.5e12 + 1), new Date(-1), new Date(8e15)],
    strings: ['', 'a'.repeat(40), 'b'.repeat(300), 'c'.repeat(70_000)],
    bytes: [Buffer.alloc(0), Buffer.alloc(300, 1), Buffer.alloc(70_000, 2)],
    long: Array.from({ length: 70_000 }, (_, i) => i),
    map: Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, i])),
  };
  expect(unpackValue(packValue(value))).toEqual(value);
  expect(unpackValue(packValue([new Date(Number.NaN)]))).toEqual([new Date(Number.NaN)]);
});

test('unpackValue: accepts 256 levels and refuses 257', () => {
  const nested = (levels: number): Buffer =>
    Buffer.concat([Buffer.alloc(levels, 0x91), Buffer.from([0xc0])]);
  expect(unpackValue(nested(256))).toBeInstanceOf(Array);
  expect(() => unpackValue(nested(257))).toThrow('nested too deeply');
  const maps = Buffer.concat([
    ...Array<Buffer>(257).fill(Buffer.from('81a161', 'hex')),
    Buffer.from([0xc0]),
  ]);
  expect(() => unpackValue(maps)).toThrow('nested too deeply');
});

test('unpackValue: a refused record definition does not affect later values', () => {
  // A record definition of msgpackr: fixext 1 of type 0x72 gives the number 0x40 a structure.
  for (const poison of ['d4724092a161a1620102', 'd4724092a161a162', 'c70172']) {
    try {
      unpackValue(Buffer.from(poison, 'hex'));
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
    expect(unpackValue(Buffer.from('40', 'hex'))).toBe(0x40);
    expect(readFrame(frameOf(messages.hello))).toEqual(messages.hello);
  }
});

test('readMessage: bytes are copied from the memory of the frame', () => {
  const frame = frameOf(messages.clientAttached);
  const message = readFrame(frame);
  frame.fill(0);
  expect(message).toEqual(messages.clientAttached);
});

test('codec: few bytes do not keep a large buffer alive', () => {
  const chunk = Buffer.concat([frameOf(messages.clientAttached), Buffer.alloc(1_000_000)]);
  const end = 4 + chunk.readUInt32BE(0);
  const message = readMessage(Command.ClientAttached, chunk, 5, end);
  if (message?.type !== 'clientAttached') throw new Error('another message came out');
  expect(message.session?.buffer.byteLength).toBeLessThan(10_000);
  expect(packValue({ a: 1 }).buffer.byteLength).toBeLessThan(10_000);
});

test('packValue: later calls do not overwrite the result', () => {
  const first = packValue({ a: 'first' });
  for (let i = 0; i < 1000; i++) packValue({ b: 'x'.repeat(100) });
  expect(unpackValue(first)).toEqual({ a: 'first' });
});

test('unpackValue: returns any packed session', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (session) => {
      // msgpackr renames the key __proto__.
      fc.pre(!JSON.stringify(session).includes('__proto__'));
      expect(unpackValue(packValue(session))).toEqual(JSON.parse(JSON.stringify(session)));
    }),
  );
});

test('unpackValue: a key __proto__ sets no prototype', () => {
  const hostile: unknown = JSON.parse('{"a":{"__proto__":{"isAdmin":true}}}');
  const result = unpackValue(packValue(hostile));
  expect(result).not.toHaveProperty('a.isAdmin');
  expect({}).not.toHaveProperty('isAdmin');
});

test('unpackSessionDelta: returns the packed delta', () => {
  expect(unpackSessionDelta(packSessionDelta(delta))).toEqual(delta);
});

test.each([
  {},
  { delta: 1 },
  { delta: { remove: [1], set: {}, merge: {} } },
  { delta: { remove: [], set: [], merge: {} } },
  { delta: { remove: [], set: {} } },
  { delta: { remove: [], set: {}, merge: { a: 1 } } },
])('unpackSessionDelta: refuses %j', (value) => {
  expect(() => unpackSessionDelta(packValue(value))).toThrow(/^sessionDelta/);
});

test('unpackClientRequest: returns the packed request', () => {
  const request = { url: '/chat?a=1', headers: { host: 'example', cookie: 'a=b' } };
  expect(unpackClientRequest(packValue(request))).toEqual(request);
});

test.each([
  [{ headers: {} }, 'clientRequest: url is not a string'],
  [{ url: '/' }, 'clientRequest: headers is not an object'],
  [{ url: '/', headers: { host: 1 } }, 'clientRequest: headers.host is not a string'],
])('unpackClientRequest: refuses %j', (value, message) => {
  expect(() => unpackClientRequest(packValue(value))).toThrow(message);
});

test.each(['name', 'instanceId', 'address'])(
  'readMessage: an announced %s of 513 characters is refused',
  (field) => {
    const message = everyMessage.find(({ type }) => type === 'gatewayAnnouncement');
    const long = { ...message, gateway: { ...gateway, [field]: 'x'.repeat(513) } };
    const body = packValue(long);
    expect(() => readMessage(Command.GatewayAnnouncement, body, 0, body.length)).toThrow(
      `${field} is not a string of up to 512 characters`,
    );
  },
);
