import { isUtf8 } from 'node:buffer';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const FINAL_PING = 0x89;
const FINAL_PONG = 0x8a;
const MASKED = 0x80;

/** Bytes of a header with a mask and a length below 126. */
const SHORT_HEADER_BYTES = 6;

/** Value of the first length field when the length follows in 16 bits. */
const LENGTH_16 = 126;

/** Longest payload of a control frame, in bytes. */
const MAX_CONTROL_BYTES = 125;

/** Receives the frames of one client. */
export interface FrameReceiver {
  /** False when the frames that follow must be left to `ws`, because the last one has changed the state. */
  readonly isReading: boolean;
  /** Handles a message, `chunk[start, end)`; the bytes are valid during the call. */
  handleMessage(chunk: Buffer, start: number, end: number, isBinary: boolean): void;
  /** Handles a ping; the bytes are valid during the call. */
  handlePing(data: Buffer): void;
}

/**
 * Reads the frames at the start of a chunk that are complete, final, valid and at most 65,535 bytes long, and unmasks
 * them in place. It stops before the first other frame, without a change of its bytes, and leaves it to `ws`.
 *
 * Source: RFC 6455 5.2.
 *
 * @param chunk - starts with a frame that does not continue a message
 * @param maxMessageBytes - longest message
 * @returns the number of bytes read
 */
export function readWholeFrames(
  chunk: Buffer,
  maxMessageBytes: number,
  receiver: FrameReceiver,
): number {
  const { length } = chunk;
  let offset = 0;
  while (length - offset >= SHORT_HEADER_BYTES && receiver.isReading) {
    const opcode = chunk[offset] as number;
    let byteLength = (chunk[offset + 1] as number) ^ MASKED;
    let start = offset + SHORT_HEADER_BYTES;
    // An unmasked frame and a length in 64 bits are above this, too.
    if (byteLength > LENGTH_16) break;
    if (byteLength === LENGTH_16) {
      byteLength = ((chunk[offset + 2] as number) << 8) | (chunk[offset + 3] as number);
      start += 2;
    }
    const end = start + byteLength;
    if (end > length) break;
    if (opcode === FINAL_TEXT || opcode === FINAL_BINARY) {
      if (byteLength > maxMessageBytes) break;
      const isAscii = unmask(chunk, start, end);
      const isBinary = opcode === FINAL_BINARY;
      if (!isBinary && !isAscii && !isUtf8(chunk.subarray(start, end))) {
        // The mask again restores the bytes.
        unmask(chunk, start, end);
        break;
      }
      receiver.handleMessage(chunk, start, end, isBinary);
    } else if (
      (opcode === FINAL_PING || opcode === FINAL_PONG) &&
      start === offset + SHORT_HEADER_BYTES &&
      byteLength <= MAX_CONTROL_BYTES
    ) {
      if (opcode === FINAL_PING) {
        unmask(chunk, start, end);
        receiver.handlePing(chunk.subarray(start, end));
      }
    } else break;
    offset = end;
  }
  return offset;
}

/** Unmasks a payload in place; the mask precedes it. Returns false if a byte is not ASCII. Source: RFC 6455 5.3. */
function unmask(chunk: Buffer, start: number, end: number): boolean {
  const mask0 = chunk[start - 4] as number;
  const mask1 = chunk[start - 3] as number;
  const mask2 = chunk[start - 2] as number;
  const mask3 = chunk[start - 1] as number;
  let bits = 0;
  let i = start;
  // Four bytes in each step: this loop runs for every byte that clients send.
  for (; i + 3 < end; i += 4) {
    bits |= chunk[i] = (chunk[i] as number) ^ mask0;
    bits |= chunk[i + 1] = (chunk[i + 1] as number) ^ mask1;
    bits |= chunk[i + 2] = (chunk[i + 2] as number) ^ mask2;
    bits |= chunk[i + 3] = (chunk[i + 3] as number) ^ mask3;
  }
  if (i < end) bits |= chunk[i] = (chunk[i] as number) ^ mask0;
  if (i + 1 < end) bits |= chunk[i + 1] = (chunk[i + 1] as number) ^ mask1;
  if (i + 2 < end) bits |= chunk[i + 2] = (chunk[i + 2] as number) ^ mask2;
  return bits < 0x80;
}
