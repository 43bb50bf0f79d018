import { Packr } from 'msgpackr/pack';
import type { ByteWriter } from './byte-writer.ts';
import { checkMsgpack } from './check-msgpack.ts';
import { type Command, commands } from './command.ts';
import { compileMap, type MapReader, parseMap } from './fields.ts';
import { beginFrame, DEFAULT_MAX_FRAME_BYTES, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';
import type { ClientRequest, Message, SessionDelta } from './messages.ts';

// Records and references are msgpackr extensions that other languages cannot read.
// Bytes in a message are copied, because a view would keep the whole received chunk alive.
const packr = new Packr({
  useRecords: false,
  structuredClone: false,
  copyBuffers: true,
  writeFunction: refuseFunction,
});

/** msgpackr drops functions silently, so reject them at the sender. */
function refuseFunction(): never {
  throw new TypeError('a function cannot be packed');
}

/** Packs any value as msgpack, into a buffer of its own. */
export function packValue(value: unknown): Buffer {
  // msgpackr returns a slice of its large buffer, and `Buffer.from` a slice of a pool (64 KiB since Node.js 24).
  // A stored session must not keep either alive.
  const packed = packr.pack(value);
  const copy = Buffer.allocUnsafeSlow(packed.length);
  copy.set(packed);
  return copy;
}

/**
 * Unpacks msgpack; bytes in it become a `Buffer`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the bytes are not exactly one value that `checkMsgpack` accepts
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

/** How messages of one type are converted. */
interface Codec {
  readonly type: Message['type'];
  readonly number: Command;
  readonly read: MapReader;
}

const codecs: readonly Codec[] = Object.entries(commands).flatMap(([name, command]) => {
  if (!('fields' in command)) return [];
  const type = (name.charAt(0).toLowerCase() + name.slice(1)) as Message['type'];
  return [{ type, number: command.number, read: compileMap(command.fields) }];
});

const codecOfNumber: ReadonlyMap<number, Codec> = new Map(
  codecs.map((codec) => [codec.number, codec]),
);

const numberOfType = Object.fromEntries(
  codecs.map(({ type, number }) => [type, number]),
) as Readonly<Record<Message['type'], Command>>;

/**
 * Writes a message as one frame.
 *
 * @throws {GW_ERR_FRAME_TOO_LARGE} before it writes anything, when the peer would not accept the frame
 */
export function writeMessage(writer: ByteWriter, message: Message): void {
  const { type, ...body } = message;
  const packed = packr.pack(body);
  if (packed.length >= DEFAULT_MAX_FRAME_BYTES) {
    const text = `a ${type} of ${packed.length} bytes exceeds the frame limit of ${DEFAULT_MAX_FRAME_BYTES}`;
    throw new FrameError('GW_ERR_FRAME_TOO_LARGE', text);
  }
  const start = beginFrame(writer, numberOfType[type]);
  writer.writeBytes(packed);
  endFrame(writer, start);
}

/**
 * Reads a message and checks every field.
 *
 * @returns `undefined` when the body of the command is not a message
 * @throws {GW_ERR_FRAME_MALFORMED} naming the message and the field
 */
export function readMessage(
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
): Message | undefined {
  const codec = codecOfNumber.get(command);
  return codec && parseMessage(codec, unpackValue(buffer.subarray(start, end)));
}

function parseMessage({ type, read }: Codec, body: unknown): Message {
  return read(body, type, { type }) as Message;
}

/**
 * Reads the packed `request` of ClientAttached and HandshakeRequest.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the bytes are not a request
 */
export function unpackClientRequest(bytes: Uint8Array): ClientRequest {
  return parseMap('ClientRequest', unpackValue(bytes), 'clientRequest');
}

/** Packs the changes of a session for `writeApplySessionDelta`. */
export function packSessionDelta(delta: SessionDelta): Buffer {
  return packr.pack({ delta });
}

/** @throws {GW_ERR_FRAME_MALFORMED} when the bytes are not a session delta */
export function unpackSessionDelta(bytes: Uint8Array): SessionDelta {
  return parseMap('PackedDelta', unpackValue(bytes), 'sessionDelta').delta;
}
