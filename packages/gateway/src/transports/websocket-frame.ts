import type { ByteWriter } from '@gatewayworker/protocol';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;

/** An empty ping, the same for every client. Source: RFC 6455 5.5.2. */
export const pingFrame: Buffer = Buffer.of(0x89, 0);

const FINAL_PONG = 0x8a;

/** Writes a pong with the data of a ping, at most 125 bytes. Source: RFC 6455 5.5.3. */
export function writePong(writer: ByteWriter, data: Buffer): void {
  writer.ensure(2 + data.length);
  writer.writeU8(FINAL_PONG);
  writer.writeU8(data.length);
  writer.writeBytes(data);
}

/** Longest header of an unmasked frame, in bytes. */
export const MAX_FRAME_HEADER_BYTES = 10;

/**
 * Writes the header of one unmasked, unfragmented data frame: `| u8 fin and opcode | u8 length |`. A length from 126 on
 * follows in 16 or 64 bits.
 *
 * Source: RFC 6455 5.2.
 */
export function writeFrameHeader(writer: ByteWriter, length: number, isBinary: boolean): void {
  writer.ensure(MAX_FRAME_HEADER_BYTES + length);
  writer.writeU8(isBinary ? FINAL_BINARY : FINAL_TEXT);
  if (length < 126) {
    writer.writeU8(length);
  } else if (length < 65_536) {
    writer.writeU8(126);
    writer.writeU16(length);
  } else {
    writer.writeU8(127);
    // Inner frames limit a payload to less than 2^32 bytes.
    writer.writeU32(0);
    writer.writeU32(length);
  }
}
