import { FrameError } from './frame-error.ts';

/** Deepest accepted nesting: a session of 100 levels is 202 levels deep as a delta. */
const MAX_LEVELS = 256;

/** Type of a timestamp, the one extension that the msgpack specification defines. */
const TIMESTAMP = 0xff;

/** Lengths of a timestamp; msgpackr writes an invalid date in 1 byte. */
const TIMESTAMP_BYTES: ReadonlySet<number> = new Set([1, 4, 8, 12]);

/** Type that msgpackr writes for `undefined`, with 1 byte of data. */
const UNDEFINED = 0x00;

/**
 * Checks that bytes are exactly one msgpack value that can be decoded in time linear in its bytes: nil,
 * booleans, numbers, strings, bytes, lists, maps with string keys, timestamps and `undefined`.
 *
 * msgpackr also decodes records, references, and errors that quote the value: a few hundred bytes of them
 * take seconds. It has no option that disables all of them.
 *
 * @param maxLevels - deepest nesting of lists and maps @default 256
 * @throws {GW_ERR_FRAME_MALFORMED} with the position of the byte; the text never quotes the value
 */
export function checkMsgpack(bytes: Uint8Array, maxLevels: number = MAX_LEVELS): void {
  const end = endOfValue(bytes, 0, maxLevels);
  if (end === bytes.length) return;
  if (end > bytes.length) throw malformed('it ends within a value');
  throw malformed(`${bytes.length - end} bytes follow the value`);
}

/**
 * Finds the byte after a value. The result may be past the end of the bytes: the next read detects it, and
 * after the last value the caller has to.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when `checkMsgpack` does not accept the value
 */
export function endOfValue(bytes: Uint8Array, start: number, levels: number = MAX_LEVELS): number {
  const token = bytes[start];
  if (token === undefined) throw malformed('it ends within a value');
  const next = start + 1;
  if (token < 0x80 || token >= 0xe0) return next;
  if (token < 0x90) return endOfMap(bytes, next, token & 0x0f, levels);
  if (token < 0xa0) return endOfList(bytes, next, token & 0x0f, levels);
  if (token < 0xc0) return next + (token & 0x1f);
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return next;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return next + 1;
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return next + 2;
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return next + 4;
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return next + 8;
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return next + 1 + readLength(bytes, next, 1);
    case 0xc5: // bin 16
    case 0xda: // str 16
      return next + 2 + readLength(bytes, next, 2);
    case 0xc6: // bin 32
    case 0xdb: // str 32
      return next + 4 + readLength(bytes, next, 4);
    case 0xdc: // array 16
      return endOfList(bytes, next + 2, readLength(bytes, next, 2), levels);
    case 0xdd: // array 32
      return endOfList(bytes, next + 4, readLength(bytes, next, 4), levels);
    case 0xde: // map 16
      return endOfMap(bytes, next + 2, readLength(bytes, next, 2), levels);
    case 0xdf: // map 32
      return endOfMap(bytes, next + 4, readLength(bytes, next, 4), levels);
    case 0xd4: // fixext 1
    case 0xd5: // fixext 2
    case 0xd6: // fixext 4
    case 0xd7: // fixext 8
    case 0xd8: // fixext 16
      return endOfExtension(bytes, next, 1 << (token - 0xd4));
    case 0xc7: // ext 8
      return endOfExtension(bytes, next + 1, readLength(bytes, next, 1));
    default:
      throw malformed(
        `byte ${start} is 0x${token.toString(16)}, which is not the first byte of a value`,
      );
  }
}

function endOfList(bytes: Uint8Array, start: number, count: number, levels: number): number {
  if (levels === 0) throw malformed('it is nested too deeply');
  let offset = start;
  for (let i = 0; i < count; i++) offset = endOfValue(bytes, offset, levels - 1);
  return offset;
}

function endOfMap(bytes: Uint8Array, start: number, count: number, levels: number): number {
  if (levels === 0) throw malformed('it is nested too deeply');
  let offset = start;
  for (let i = 0; i < count; i++) {
    offset = endOfValue(bytes, endOfKey(bytes, offset), levels - 1);
  }
  return offset;
}

function endOfKey(bytes: Uint8Array, start: number): number {
  const token = bytes[start] ?? 0;
  const isString = (token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb);
  if (!isString) throw malformed(`the key at byte ${start} is not a string`);
  return endOfValue(bytes, start, 0);
}

function endOfExtension(bytes: Uint8Array, start: number, byteLength: number): number {
  const type = bytes[start];
  const isKnown =
    type === TIMESTAMP ? TIMESTAMP_BYTES.has(byteLength) : type === UNDEFINED && byteLength === 1;
  if (!isKnown) throw malformed(`extension ${type} of ${byteLength} bytes is not supported`);
  return start + 1 + byteLength;
}

function readLength(bytes: Uint8Array, start: number, byteLength: number): number {
  if (start + byteLength > bytes.length) throw malformed('it ends within a length');
  let length = 0;
  for (let i = start; i < start + byteLength; i++) length = length * 256 + (bytes[i] as number);
  return length;
}

function malformed(reason: string): FrameError {
  return new FrameError('GW_ERR_FRAME_MALFORMED', `a body is not msgpack: ${reason}`);
}
