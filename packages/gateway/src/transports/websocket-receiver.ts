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
