import type { WebSocket } from 'ws';

/** State of the `ws` parser between two frames. */
const GET_INFO = 0;

/**
 * Returns the unprocessed bytes of the parser of a websocket, so that another parser can continue: the fragments of an
 * incomplete message as one fragment, then the start of the next frame.
 *
 * `ws` has no documented API for it. Source: ws 8.23 `lib/receiver.js`.
 *
 * @returns `undefined` while the parser is within a frame, or when this version of `ws` has other internals
 */
export function readUnparsed(websocket: WebSocket): Buffer[] | undefined {
  const receiver: unknown = Reflect.get(websocket, '_receiver');
  if (typeof receiver !== 'object' || receiver === null) return undefined;
  const [state, buffers, fragments, opcode, waiting] = [
    '_state',
    '_buffers',
    '_fragments',
    '_fragmented',
    'writableLength',
  ].map((name): unknown => Reflect.get(receiver, name));
  if (state !== GET_INFO || waiting !== 0 || typeof opcode !== 'number') return undefined;
  if (!isBufferList(buffers) || !isBufferList(fragments)) return undefined;
  return opcode === 0 ? [...buffers] : [encodeFragment(opcode, fragments), ...buffers];
}

/**
 * Lets a websocket read frames at the start of a chunk before the parser of `ws`, while that parser is between two
 * messages.
 *
 * @param read - returns the number of bytes that it has read
 */
export function prependReader(websocket: WebSocket, read: (chunk: Buffer) => number): void {
  const receiver: unknown = Reflect.get(websocket, '_receiver');
  if (!isReceiver(receiver)) return;
  const write = receiver.write.bind(receiver);
  receiver.write = (chunk) => {
    const isBetween =
      receiver._state === GET_INFO &&
      receiver._bufferedBytes === 0 &&
      receiver._fragmented === 0 &&
      receiver.writableLength === 0 &&
      receiver.writable;
    const length = isBetween ? read(chunk) : 0;
    return length === chunk.length || write(length === 0 ? chunk : chunk.subarray(length));
  };
}

/** The parts of the parser of `ws` that are used here. */
interface Receiver {
  readonly _state: number;
  readonly _bufferedBytes: number;
  /** Opcode of the incomplete message; 0 without one. */
  readonly _fragmented: number;
  readonly writable: boolean;
  readonly writableLength: number;
  write(chunk: Buffer): boolean;
}

function isReceiver(value: unknown): value is Receiver {
  if (typeof value !== 'object' || value === null) return false;
  const numbers = ['_state', '_bufferedBytes', '_fragmented', 'writableLength'];
  return numbers.every((name) => typeof Reflect.get(value, name) === 'number') && 'write' in value;
}

/** Encodes a first fragment as a client sends it, with a mask of zeros. Source: RFC 6455 5.2. */
function encodeFragment(opcode: number, fragments: readonly Buffer[]): Buffer {
  const length = fragments.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const header = Buffer.alloc(14);
  header[0] = opcode;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, ...fragments]);
}

function isBufferList(value: unknown): value is Buffer[] {
  return Array.isArray(value) && value.every((item) => Buffer.isBuffer(item));
}
