import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/** What an application sends: a string leaves as text, bytes as binary. */
export type Payload = string | Uint8Array;

/** Flags of a payload, the byte before it. */
export const PayloadFlag = {
  /** The payload is binary; without it, UTF-8 text. */
  Binary: 0x01,
  /** Of an event: an earlier worker may have handled it. */
  Redelivered: 0x02,
} as const;

/** Writes `| u8 flags | payload |`; the payload reaches to the end of its frame. */
export function writePayload(writer: ByteWriter, payload: Payload): void {
  if (typeof payload === 'string') {
    writer.writeU8(0);
    writer.writeUtf8(payload);
  } else {
    writer.writeU8(PayloadFlag.Binary);
    writer.writeBytes(payload);
  }
}

/** Reads the flags; the payload is what is left of the body. */
export function readIsBinary(reader: ByteReader): boolean {
  return (reader.readU8() & PayloadFlag.Binary) !== 0;
}
