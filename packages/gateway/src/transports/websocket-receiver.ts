import type { WebSocket } from 'ws';

/** State of the parser of `ws` between two frames. */
const GET_INFO = 0;

/**
 * Reads what the parser of a websocket has taken and not passed on, as bytes that another parser can begin
 * with: the fragments of a message that is not complete as one fragment, then the beginning of the next frame.
 *
 * `ws` has no documented way to it. Source: ws 8.23 `lib/receiver.js`.
 *
 * @returns `undefined` while it is within a frame, or when `ws` has another form
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

/** A first fragment as a client sends it, with a mask that changes nothing. Source: RFC 6455 5.2. */
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
