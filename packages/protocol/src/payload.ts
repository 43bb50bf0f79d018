import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/** A message of an application: a string is sent as text, bytes as binary. */
export type Payload = string | Uint8Array;

/** Flags in the byte before a payload. */
export const PayloadFlag = {
  /** The payload is binary; otherwise UTF-8 text. */
  Binary: 0x01,
  /** Another worker may have handled the event before. */
  Redelivered: 0x02,
} as const;

/** Returns the flags of a message of a client. */
export function payloadFlags(isBinary: boolean, isRedelivered: boolean): number {
  return (isBinary ? PayloadFlag.Binary : 0) | (isRedelivered ? PayloadFlag.Redelivered : 0);
}

/** Writes `| u8 flags | payload |`; the payload ends with its frame. */
export function writePayload(writer: ByteWriter, payload: Payload): void {
  if (typeof payload === 'string') {
    writer.writeU8(0);
    writer.writeUtf8(payload);
  } else {
    writer.writeU8(PayloadFlag.Binary);
    writer.writeBytes(payload);
  }
}

/** Reads the flags; the payload is the rest of the body. */
export function readIsBinary(reader: ByteReader): boolean {
  return (reader.readU8() & PayloadFlag.Binary) !== 0;
}
