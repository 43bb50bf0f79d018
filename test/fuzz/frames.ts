import {
  ByteWriter,
  beginFrame,
  Command,
  type ConnectionAddress,
  endFrame,
  InterestKind,
  type Message,
  PayloadFlag,
  PendingAcks,
  PROTOCOL_VERSION,
  packSessionDelta,
  packValue,
  writeApplySessionDelta,
  writeBindUid,
  writeClientConnected,
  writeClientMessage,
  writeCloseClient,
  writeCloseGroup,
  writeCloseUid,
  writeDestroyClient,
  writeInterestAdded,
  writeInterestKnown,
  writeInterestRemoved,
  writeInterestSubscribe,
  writeJoinGroup,
  writeJoinsApplied,
  writeLaneGap,
  writeLaneStarted,
  writeLeaveGroup,
  writeMessage,
  writeReplay,
  writeReplayWithReceipt,
  writeSendReply,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
  writeSendWithReceipt,
  writeSetSession,
  writeUnbindUid,
  writeUngroup,
  writeUpdateSession,
  writeWorkerReady,
} from '@gatewayworker/protocol';
import fc from 'fast-check';
import { type Bytes, joined, msgpackBytes, mutated, noise, short } from './bytes.ts';

/** A frame of an inner link with any command and any body. */
function innerFrame(command: number, body: Uint8Array): Buffer {
  const writer = new ByteWriter();
  const start = beginFrame(writer, Command.Query);
  writer.buffer[start + 4] = command;
  writer.writeBytes(body);
  endFrame(writer, start);
  return taken(writer);
}

function taken(writer: ByteWriter): Buffer {
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  write(writer);
  return taken(writer);
}

/** What a field may hold that is of the wrong kind, or at the edge of the right one. */
const anyField: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    0,
    -1,
    2 ** 30,
    2 ** 32 - 1,
    2 ** 32,
    0.5,
    Number.NaN,
  ),
  fc.constantFrom<unknown>([], {}, [''], [null], { a: { b: 1 } }, 'x'.repeat(300), true),
  fc.string({ maxLength: 10 }),
  short,
);

/** A structured message of which one field may hold anything. */
function brokenMessage(messages: readonly Message[]): Bytes {
  return fc
    .tuple(fc.constantFrom(...messages), fc.nat(20), anyField)
    .map(([message, place, value]) => {
      const { type: _type, ...fields } = message;
      const names = Object.keys(fields);
      const name = names[place % names.length] ?? '';
      const command = written((writer) => writeMessage(writer, message))[4] ?? 0;
      return innerFrame(command, packValue({ ...fields, [name]: value }));
    });
}

/** Good and broken frames of one direction of an inner link. */
function linkFrames(frames: readonly Buffer[], messages: readonly Message[]): Bytes {
  const good = fc.constantFrom(
    ...frames,
    ...messages.map((message) => written((writer) => writeMessage(writer, message))),
  );
  // Its length still fits: the body is what is broken.
  const brokenBody = mutated(good.map((bytes) => bytes.subarray(5)));
  const refitted = fc
    .tuple(good, brokenBody)
    .map(([bytes, body]) => innerFrame(bytes[4] ?? 0, body));
  const unknown = fc.tuple(fc.nat(255), noise).map(([command, body]) => innerFrame(command, body));
  const packed = fc
    .tuple(good, msgpackBytes)
    .map(([bytes, body]) => innerFrame(bytes[4] ?? 0, body));
  const parts = [good, brokenMessage(messages), refitted, mutated(good), unknown, packed, noise];
  return joined(fc.oneof(...parts), 4);
}

const nonce = Buffer.alloc(32, 7);

/** What a dialer says before it has proved itself, mostly with faults. */
export const dialerHandshakes: Bytes = linkFrames(
  [],
  [
    {
      type: 'hello',
      version: PROTOCOL_VERSION,
      role: 'worker',
      instanceId: 'i',
      name: 'n',
      id: 0,
      nonce,
    },
    { type: 'hello', version: 1, role: 'gateway', instanceId: 'i', name: 'n', id: 0, nonce },
    { type: 'proof', proof: nonce, otherProofs: [nonce] },
    { type: 'refusal', code: 'GW_ERR_INTERNAL', message: 'no' },
  ],
);

/** What an acceptor says before it has proved itself, mostly with faults. */
export const acceptorHandshakes: Bytes = linkFrames(
  [],
  [
    { type: 'challenge', version: PROTOCOL_VERSION, role: 'gateway', instanceId: 'i', nonce },
    { type: 'challenge', version: 1, role: 'register', instanceId: 'i', nonce },
    { type: 'welcome', proof: nonce, name: 'n', id: 0, gatewayToken: 1 },
    { type: 'refusal', code: 'GW_ERR_AUTHENTICATION_FAILED', message: 'no' },
  ],
);

/** Stands in frames for the address of a client that is known only when they are sent. */
const placeholder: ConnectionAddress = {
  connection: 0x11_22_33_44,
  nonceHigh: 0x22_33_44_55,
  nonceLow: 0x33_44_55_66,
};

/** Puts the address of a client where `framesToGateway` speaks of one. */
export function addressedTo(client: ConnectionAddress, bytes: Buffer): Buffer {
  const addressed = Buffer.from(bytes);
  for (const name of ['connection', 'nonceHigh', 'nonceLow'] as const) {
    const stand = Buffer.alloc(4);
    stand.writeUInt32BE(placeholder[name]);
    for (let at = addressed.indexOf(stand); at >= 0; at = addressed.indexOf(stand, at + 4)) {
      addressed.writeUInt32BE(client[name], at);
    }
  }
  return addressed;
}

/** What a worker or a client of the Gateway API may send to a gateway. */
export const framesToGateway: Bytes = (() => {
  const client = placeholder;
  const close = { code: 4000, reason: 'bye', payload: 'last' };
  const oddClose = { code: 1005, reason: 'r'.repeat(200), payload: undefined };
  const session = packValue({ a: { b: [1] } });
  const delta = { unset: false, clear: false, remove: ['a'], merge: {}, set: { b: 1 } };
  const receivers = { groups: ['g', 'h'], excluded: [client] };
  const reply = { number: 1, payload: '{}', isFailed: true };
  const handled = new PendingAcks();
  handled.add(client.connection, 0);
  const receipt = {
    receiptId: 1,
    isHandledWanted: true,
    isAny: false,
    timeoutMs: 1000,
    elapsedMs: 5,
  };
  const frames = [
    (writer: ByteWriter) => writeSendToClient(writer, client, 'x'),
    (writer: ByteWriter) => writeSendToClients(writer, [client, client], Buffer.from('x')),
    (writer: ByteWriter) => writeSendToAll(writer, [client], 'x'),
    (writer: ByteWriter) => writeSendToUids(writer, ['u', 'v'], 'x'),
    (writer: ByteWriter) => writeSendToGroups(writer, receivers, 'x'),
    (writer: ByteWriter) => writeSendToClient(writer, client, 'x', 7),
    (writer: ByteWriter) => writeSendToGroups(writer, receivers, Buffer.from('x'), 8),
    (writer: ByteWriter) => writeSendReply(writer, client, reply, 9),
    (writer: ByteWriter) => writeLaneStarted(writer, { source: 1, offset: 6 }),
    (writer: ByteWriter) => writeLaneGap(writer, { source: 1, offset: 9 }),
    (writer: ByteWriter) => writeReplay(writer, { ...reply, requestId: 1, source: 1, offset: 9 }),
    (writer: ByteWriter) =>
      writeSendWithReceipt(writer, receipt, { addresses: [client], uids: ['u'] }, 'x', 10),
    (writer: ByteWriter) =>
      writeReplayWithReceipt(writer, { requestId: 1, source: 1, offset: 9, payload: 'x' }, receipt),
    (writer: ByteWriter) => writeCloseClient(writer, client, close),
    (writer: ByteWriter) => writeCloseClient(writer, client, oddClose),
    (writer: ByteWriter) => writeCloseUid(writer, 'u', close),
    (writer: ByteWriter) => writeCloseGroup(writer, 'g', close),
    (writer: ByteWriter) => writeDestroyClient(writer, client),
    (writer: ByteWriter) => writeBindUid(writer, client, 'u'),
    (writer: ByteWriter) => writeUnbindUid(writer, client),
    (writer: ByteWriter) => writeJoinGroup(writer, client, 'g'),
    (writer: ByteWriter) => writeLeaveGroup(writer, client, 'g'),
    (writer: ByteWriter) => writeUngroup(writer, 'g'),
    (writer: ByteWriter) => writeSetSession(writer, client, session),
    (writer: ByteWriter) => writeUpdateSession(writer, client, session),
    (writer: ByteWriter) => writeApplySessionDelta(writer, client, packSessionDelta(delta)),
    (writer: ByteWriter) =>
      writeWorkerReady(writer, {
        decidesHandshakes: false,
        decidesResumes: false,
        redelivers: true,
      }),
    (writer: ByteWriter) => handled.write(writer),
    writeInterestSubscribe,
  ].map(written);
  const decided = {
    type: 'handshakeResponse',
    requestId: 1,
    isAccepted: true,
    status: 101,
  } as const;
  return linkFrames(frames, [
    { ...decided, reason: '', uid: 'u', session, groups: ['g'] },
    { ...decided, reason: '', uid: '', session: packValue([1]), groups: [''] },
    { ...decided, reason: '', uid: 'u', session: Buffer.of(0x81), groups: [] },
    {
      ...decided,
      isAccepted: false,
      status: 403,
      reason: 'no',
      uid: undefined,
      session: undefined,
      groups: [],
    },
    { type: 'query', requestId: 1, query: { kind: 'getSession', client } },
    { type: 'query', requestId: 2, query: { kind: 'isUidsOnline', uids: ['u', ''] } },
    { type: 'query', requestId: 3, query: { kind: 'getAllGroupClientIdList' } },
    { type: 'replayDone', requestId: 1, positions: [{ source: 1, offset: 9 }], gaps: [] },
  ]);
})();

const longNames = fc
  .tuple(fc.constantFrom('x', '\ud800', 'é', '\0'), fc.constantFrom(0, 1, 255, 256, 20_000))
  .map(([one, length]) => one.repeat(length));

/** Sessions, uids and groups of a peer that holds the key. */
export const hostileCommands: Bytes = joined(
  fc.oneof(
    fc
      .tuple(
        msgpackBytes,
        fc.constantFrom(writeSetSession, writeUpdateSession, writeApplySessionDelta),
      )
      .map(([bytes, write]) => written((writer) => write(writer, placeholder, bytes))),
    fc
      .tuple(longNames, fc.constantFrom(writeBindUid, writeJoinGroup, writeLeaveGroup))
      .map(([name, write]) => written((writer) => write(writer, placeholder, name))),
    fc.tuple(fc.array(longNames, { maxLength: 3 }), fc.nat(3000)).map(([names, count]) => {
      const list = names.concat(Array.from({ length: count }, (_, index) => String(index)));
      return written((writer) => writeSendToUids(writer, list, 'x'));
    }),
  ),
  2,
);

/** Announces to a gateway that a worker is ready; the gateway then gives it clients. */
export const workerReady: Buffer = written((writer) => {
  writeWorkerReady(writer, { decidesHandshakes: true, decidesResumes: true, redelivers: true });
});

/** What a gateway may send to a worker or to a client of the Gateway API. */
export const framesOfGateway: Bytes = (() => {
  const request = packValue({ url: '/?a=%', headers: { cookie: 'a=%; b', host: 'x' } });
  const attached = {
    type: 'clientAttached',
    connection: 1,
    nonceHigh: 2,
    nonceLow: 3,
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    gatewayPort: 2,
    request,
    uid: 'u',
    session: packValue({ a: 1 }),
  } as const;
  const delta = { unset: false, clear: true, remove: ['a'], merge: {}, set: { b: { c: 1 } } };
  const alias = {
    clientId: 'AAAAABBBBBCCCCCDDDDD',
    connection: 1,
    nonceHigh: 2,
    nonceLow: 3,
  } as const;
  const asked = { type: 'handshakeRequest', requestId: 1, remoteAddress: '::1' } as const;
  const frames = [
    (writer: ByteWriter) => writeClientConnected(writer, 1, false),
    (writer: ByteWriter) =>
      writeClientMessage(writer, 1, PayloadFlag.Redelivered, Buffer.from('x')),
    (writer: ByteWriter) => writeInterestAdded(writer, InterestKind.Uid, ['u', 'v']),
    (writer: ByteWriter) => writeInterestRemoved(writer, InterestKind.Group, ['g']),
    (writer: ByteWriter) => writeInterestKnown(writer, InterestKind.Uid, true),
    (writer: ByteWriter) => writeJoinsApplied(writer, 3),
  ].map(written);
  return linkFrames(frames, [
    attached,
    { ...attached, request: undefined, uid: undefined, session: undefined },
    { type: 'sessionChanged', connection: 1, appliedChanges: 0, delta },
    { type: 'uidChanged', connection: 1, appliedChanges: 0, uid: undefined },
    {
      type: 'clientClosed',
      connection: 1,
      by: 'client',
      code: 1000,
      reason: '',
      isRedelivered: false,
    },
    { ...asked, remotePort: 1, gatewayPort: 2, request },
    { type: 'queryAnswer', requestId: 1, answer: [1] },
    { type: 'queryFailure', requestId: 1, code: 'GW_ERR_INTERNAL', message: 'no' },
    {
      type: 'receiptReport',
      receiptId: 1,
      isComplete: true,
      isFull: false,
      devices: [{ clientId: alias.clientId, outcome: 'received', ms: 1, value: '' }],
    },
    { type: 'laneSubscribe', maxAgeMs: 1000, maxBytes: 1000 },
    {
      type: 'replayRequest',
      requestId: 1,
      ...alias,
      ageMs: 1000,
      uid: 'u',
      uidAgeMs: 1000,
      groups: [{ group: 'g', ageMs: 1000 }],
      positions: [{ source: 1, offset: 2 }],
    },
    { type: 'aliasAdded', ...alias },
    { type: 'aliasRemoved', clientId: alias.clientId, connection: 1 },
  ]);
})();

const entry = { address: '127.0.0.1:1', instanceId: 'i', gatewayToken: 5, name: 'n' };

/** Malformed addresses, and addresses without a listener. */
const addresses = [
  '',
  'x',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '[]:1',
  '[zz]:1',
  '%:1',
  '\0:1',
  'a:1:2',
];

/** Tells a register of a gateway. */
export function announcement(address: string): Buffer {
  const gateway = { ...entry, address };
  return written((writer) =>
    writeMessage(writer, { type: 'gatewayAnnouncement', gateway, isAgain: false }),
  );
}

/** What a gateway may tell a register. */
export const framesToRegister: Bytes = linkFrames(
  [],
  [entry, ...addresses.map((address) => ({ ...entry, address }))].map((gateway) => {
    return { type: 'gatewayAnnouncement', gateway, isAgain: false };
  }),
);

/** What a register may tell workers and clients of the Gateway API. */
export const framesOfRegister: Bytes = linkFrames(
  [],
  [
    { type: 'gatewayList', gateways: [] },
    { type: 'gatewayList', gateways: [entry, entry] },
    ...addresses.map((address) => {
      return { type: 'gatewayList', gateways: [entry, { ...entry, address }] } as const;
    }),
  ],
);
