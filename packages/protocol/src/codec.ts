import { Packr } from 'msgpackr';
import type { ByteWriter } from './byte-writer.ts';
import { checkMsgpack } from './check-msgpack.ts';
import { Command } from './command.ts';
import { Fields } from './fields.ts';
import { beginFrame, DEFAULT_MAX_FRAME_BYTES, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';
import {
  AcceptorRole,
  type Challenge,
  type ClientAttached,
  type ClientClosed,
  type ClientRequest,
  ClosedBy,
  DialerRole,
  type GatewayAnnouncement,
  type GatewayEntry,
  type GatewayList,
  type HandshakeRequest,
  type HandshakeResponse,
  type Hello,
  type LinkPosition,
  type Proof,
  type QueryAnswer,
  type QueryFailure,
  type QueryMessage,
  type QueryPart,
  type Refusal,
  type SessionChanged,
  type UidChanged,
  type Welcome,
  type WorkerList,
} from './messages.ts';
import { parseQuery } from './parse-query.ts';
import type { AskedQuery } from './query.ts';
import type { SessionDelta } from './session-delta.ts';

/** Every message whose body is msgpack. */
export type Message =
  | Hello
  | Challenge
  | Proof
  | Welcome
  | Refusal
  | GatewayAnnouncement
  | GatewayList
  | WorkerList
  | ClientAttached
  | ClientClosed
  | HandshakeRequest
  | HandshakeResponse
  | SessionChanged
  | UidChanged
  | QueryMessage<AskedQuery>
  | QueryAnswer
  | QueryPart
  | QueryFailure;

// Records and references are msgpackr extensions that other languages cannot read.
// Bytes within a message are copied: a view would keep the chunk of the stream alive that it lies in.
const packr = new Packr({
  useRecords: false,
  structuredClone: false,
  copyBuffers: true,
  writeFunction: refuseFunction,
});

/** Left out in silence it would be missed only by whoever reads. */
function refuseFunction(): never {
  throw new TypeError('a function cannot be packed');
}

const commandOfType: Readonly<Record<Message['type'], Command>> = {
  hello: Command.Hello,
  challenge: Command.Challenge,
  proof: Command.Proof,
  welcome: Command.Welcome,
  refusal: Command.Refusal,
  gatewayAnnouncement: Command.GatewayAnnouncement,
  gatewayList: Command.GatewayList,
  workerList: Command.WorkerList,
  clientAttached: Command.ClientAttached,
  clientClosed: Command.ClientClosed,
  handshakeRequest: Command.HandshakeRequest,
  handshakeResponse: Command.HandshakeResponse,
  sessionChanged: Command.SessionChanged,
  uidChanged: Command.UidChanged,
  query: Command.Query,
  queryAnswer: Command.QueryAnswer,
  queryPart: Command.QueryPart,
  queryFailure: Command.QueryFailure,
};

/** Packs any value as msgpack; the bytes are the caller's own. */
export function packValue(value: unknown): Buffer {
  // The packer returns a slice of a large buffer of its own, and `Buffer.from` one of a pool of 64 KiB since
  // Node.js 24: a small session must keep neither alive.
  const packed = packr.pack(value);
  const copy = Buffer.allocUnsafeSlow(packed.length);
  copy.set(packed);
  return copy;
}

/**
 * Reads msgpack. Bytes within it come out as `Buffer`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when it is not exactly one value that `checkMsgpack` accepts
 */
export function unpackValue(bytes: Uint8Array): unknown {
  checkMsgpack(bytes);
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw notMsgpack(error);
  }
}

function notMsgpack(cause: unknown): FrameError {
  return new FrameError('GW_ERR_FRAME_MALFORMED', 'a body is not msgpack', { cause });
}

/**
 * Writes a structured message as one frame.
 *
 * @throws {GW_ERR_FRAME_TOO_LARGE} before anything is written, when the peer would not accept it
 */
export function writeMessage(writer: ByteWriter, message: Message): void {
  const { type, ...body } = message;
  const packed = packr.pack(body);
  if (packed.length >= DEFAULT_MAX_FRAME_BYTES) {
    const text = `a ${type} of ${packed.length} bytes exceeds the limit of a frame`;
    throw new FrameError('GW_ERR_FRAME_TOO_LARGE', text);
  }
  const start = beginFrame(writer, commandOfType[type]);
  writer.writeBytes(packed);
  endFrame(writer, start);
}

/**
 * Reads a structured message, checking every field.
 *
 * @returns `undefined` when the command is not that of a structured message
 * @throws {GW_ERR_FRAME_MALFORMED} naming the message and the field
 */
export function readMessage(
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
): Message | undefined {
  const parse = parsers.get(command);
  if (parse === undefined) return undefined;
  return parse(unpackValue(buffer.subarray(start, end)));
}

const parsers: ReadonlyMap<number, (body: unknown) => Message> = new Map<
  number,
  (body: unknown) => Message
>([
  [Command.Hello, parseHello],
  [Command.Challenge, parseChallenge],
  [Command.Proof, parseProof],
  [Command.Welcome, parseWelcome],
  [Command.Refusal, parseRefusal],
  [Command.GatewayAnnouncement, parseGatewayAnnouncement],
  [Command.GatewayList, parseGatewayList],
  [Command.WorkerList, parseWorkerList],
  [Command.ClientAttached, parseClientAttached],
  [Command.ClientClosed, parseClientClosed],
  [Command.HandshakeRequest, parseHandshakeRequest],
  [Command.HandshakeResponse, parseHandshakeResponse],
  [Command.SessionChanged, parseSessionChanged],
  [Command.UidChanged, parseUidChanged],
  [Command.Query, parseQueryMessage],
  [Command.QueryAnswer, parseQueryAnswer],
  [Command.QueryPart, parseQueryPart],
  [Command.QueryFailure, parseQueryFailure],
]);

function parseHello(body: unknown): Hello {
  const fields = new Fields('hello', body);
  return {
    type: 'hello',
    version: fields.unsigned('version'),
    role: fields.oneOf('role', DialerRole),
    instanceId: fields.shortString('instanceId'),
    name: fields.shortString('name'),
    id: fields.unsigned('id'),
    nonce: fields.bytes('nonce'),
    resume: parseLinkPosition(fields.optionalObject('resume')),
  };
}

function parseLinkPosition(fields: Fields | undefined): LinkPosition | undefined {
  return fields && { linkId: fields.shortString('linkId'), received: fields.position('received') };
}

function parseChallenge(body: unknown): Challenge {
  const fields = new Fields('challenge', body);
  return {
    type: 'challenge',
    version: fields.unsigned('version'),
    role: fields.oneOf('role', AcceptorRole),
    instanceId: fields.shortString('instanceId'),
    nonce: fields.bytes('nonce'),
  };
}

function parseProof(body: unknown): Proof {
  const fields = new Fields('proof', body);
  return {
    type: 'proof',
    proof: fields.bytes('proof'),
    otherProofs: fields.optionalByteList('otherProofs'),
  };
}

function parseWelcome(body: unknown): Welcome {
  const fields = new Fields('welcome', body);
  return {
    type: 'welcome',
    proof: fields.bytes('proof'),
    name: fields.shortString('name'),
    id: fields.unsigned('id'),
    gatewayToken: fields.unsigned('gatewayToken'),
    linkId: fields.optionalString('linkId'),
    resumedAt: fields.optionalPosition('resumedAt'),
  };
}

function parseRefusal(body: unknown): Refusal {
  const fields = new Fields('refusal', body);
  return { type: 'refusal', code: fields.string('code'), message: fields.string('message') };
}

function parseGatewayAnnouncement(body: unknown): GatewayAnnouncement {
  const fields = new Fields('gatewayAnnouncement', body);
  return {
    type: 'gatewayAnnouncement',
    gateway: parseGatewayEntry(fields.object('gateway')),
    isAgain: fields.unknown('isAgain') === true,
  };
}

function parseGatewayList(body: unknown): GatewayList {
  const fields = new Fields('gatewayList', body);
  const gateways = fields
    .list('gateways')
    .map((entry) => parseGatewayEntry(new Fields('gatewayList.gateways', entry)));
  return { type: 'gatewayList', gateways };
}

function parseWorkerList(body: unknown): WorkerList {
  return {
    type: 'workerList',
    instanceIds: new Fields('workerList', body).strings('instanceIds'),
  };
}

function parseGatewayEntry(fields: Fields): GatewayEntry {
  return {
    address: fields.shortString('address'),
    instanceId: fields.shortString('instanceId'),
    gatewayToken: fields.unsigned('gatewayToken'),
    name: fields.shortString('name'),
  };
}

function parseClientAttached(body: unknown): ClientAttached {
  const fields = new Fields('clientAttached', body);
  return {
    type: 'clientAttached',
    connection: fields.unsigned('connection'),
    nonceHigh: fields.unsigned('nonceHigh'),
    nonceLow: fields.unsigned('nonceLow'),
    remoteAddress: fields.string('remoteAddress'),
    remotePort: fields.unsigned('remotePort'),
    gatewayPort: fields.unsigned('gatewayPort'),
    request: fields.optionalBytes('request'),
    uid: fields.optionalString('uid'),
    session: fields.optionalBytes('session'),
  };
}

function parseClientClosed(body: unknown): ClientClosed {
  const fields = new Fields('clientClosed', body);
  return {
    type: 'clientClosed',
    connection: fields.unsigned('connection'),
    by: fields.oneOf('by', ClosedBy),
    code: fields.optionalUnsigned('code'),
    reason: fields.optionalString('reason'),
    isRedelivered: fields.unknown('isRedelivered') === true,
  };
}

function parseHandshakeRequest(body: unknown): HandshakeRequest {
  const fields = new Fields('handshakeRequest', body);
  return {
    type: 'handshakeRequest',
    requestId: fields.unsigned('requestId'),
    remoteAddress: fields.string('remoteAddress'),
    remotePort: fields.unsigned('remotePort'),
    gatewayPort: fields.unsigned('gatewayPort'),
    request: fields.bytes('request'),
  };
}

function parseHandshakeResponse(body: unknown): HandshakeResponse {
  const fields = new Fields('handshakeResponse', body);
  return {
    type: 'handshakeResponse',
    requestId: fields.unsigned('requestId'),
    isAccepted: fields.unknown('isAccepted') === true,
    status: fields.unsigned('status'),
    reason: fields.string('reason'),
    uid: fields.optionalString('uid'),
    session: fields.optionalBytes('session'),
    groups: fields.strings('groups'),
  };
}

function parseSessionChanged(body: unknown): SessionChanged {
  const fields = new Fields('sessionChanged', body);
  return {
    type: 'sessionChanged',
    connection: fields.unsigned('connection'),
    appliedChanges: fields.unsigned('appliedChanges'),
    delta: fields.sessionDelta('delta'),
  };
}

function parseUidChanged(body: unknown): UidChanged {
  const fields = new Fields('uidChanged', body);
  return {
    type: 'uidChanged',
    connection: fields.unsigned('connection'),
    appliedChanges: fields.unsigned('appliedChanges'),
    uid: fields.optionalString('uid'),
  };
}

function parseQueryMessage(body: unknown): QueryMessage<AskedQuery> {
  const fields = new Fields('query', body);
  const requestId = fields.unsigned('requestId');
  return { type: 'query', requestId, query: parseQuery(fields.object('query')) };
}

function parseQueryAnswer(body: unknown): QueryAnswer {
  const fields = new Fields('queryAnswer', body);
  const requestId = fields.unsigned('requestId');
  return { type: 'queryAnswer', requestId, answer: fields.unknown('answer') };
}

function parseQueryPart(body: unknown): QueryPart {
  const fields = new Fields('queryPart', body);
  return {
    type: 'queryPart',
    requestId: fields.unsigned('requestId'),
    part: fields.list('part'),
  };
}

function parseQueryFailure(body: unknown): QueryFailure {
  const fields = new Fields('queryFailure', body);
  return {
    type: 'queryFailure',
    requestId: fields.unsigned('requestId'),
    code: fields.string('code'),
    message: fields.string('message'),
  };
}

/**
 * Reads the packed `request` of `ClientAttached`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the bytes are none
 */
export function unpackClientRequest(bytes: Uint8Array): ClientRequest {
  const fields = new Fields('clientRequest', unpackValue(bytes));
  return { url: fields.string('url'), headers: fields.stringRecord('headers') };
}

/** Packs what changed in a session, as `writeApplySessionDelta` carries it. */
export function packSessionDelta(delta: SessionDelta): Buffer {
  return packr.pack({ delta });
}

/** @throws {GW_ERR_FRAME_MALFORMED} when the bytes are no session delta */
export function unpackSessionDelta(bytes: Uint8Array): SessionDelta {
  return new Fields('sessionDelta', unpackValue(bytes)).sessionDelta('delta');
}
