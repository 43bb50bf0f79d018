import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { readPosition, writePosition } from './link-frame.ts';

/** A message of an application: a string is sent as text, bytes as binary. */
export type Payload = string | Uint8Array;

/** Flags in the byte before a payload. */
export const PayloadFlag = {
  /** The payload is binary; otherwise UTF-8 text. */
  Binary: 0x01,
  /** Another worker may have handled the event before. */
  Redelivered: 0x02,
  /** After the flags follows the offset of the message in the lane of its sender. */
  Numbered: 0x04,
  /** The payload is the error of a request that failed. */
  Failed: 0x08,
} as const;

/** Returns the flags of a message of a client. */
export function payloadFlags(isBinary: boolean, isRedelivered: boolean): number {
  return (isBinary ? PayloadFlag.Binary : 0) | (isRedelivered ? PayloadFlag.Redelivered : 0);
}

/**
 * Writes `| u8 flags | offset | payload |`; the payload ends with its frame.
 *
 * @param offset - up to 2^53 - 1; 0 writes no offset
 * @param flags - `PayloadFlag.Failed` or 0
 */
export function writePayload(writer: ByteWriter, payload: Payload, offset = 0, flags = 0): void {
  const isText = typeof payload === 'string';
  const numbered = offset > 0 ? PayloadFlag.Numbered : 0;
  writer.writeU8(flags | numbered | (isText ? 0 : PayloadFlag.Binary));
  if (offset > 0) writePosition(writer, offset);
  if (isText) writer.writeUtf8(payload);
  else writer.writeBytes(payload);
}

/** Reads the flags of a payload, a bit set of `PayloadFlag`. Its offset follows: see `readOffset`. */
export function readFlags(reader: ByteReader): number {
  return reader.readU8();
}

/**
 * Reads the offset; the payload is the rest of the body.
 *
 * @returns 0 when the message is not numbered
 * @throws {GW_ERR_FRAME_MALFORMED} when the offset exceeds 2^53 - 1
 */
export function readOffset(reader: ByteReader, flags: number): number {
  return (flags & PayloadFlag.Numbered) === 0 ? 0 : readPosition(reader);
}

/** Reads the flags and skips the offset; the payload is the rest of the body. */
export function readIsBinary(reader: ByteReader): boolean {
  const flags = readFlags(reader);
  readOffset(reader, flags);
  return (flags & PayloadFlag.Binary) !== 0;
}
