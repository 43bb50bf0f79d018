import type { ClientProtocol } from 'gatewayworker';

const START = 0xa5;
const HEADER_BYTES = 3;
const CHECKSUM_BYTES = 1;

/** Longest text of a device, in bytes: what 16 bits of length hold would be more than it has memory for. */
const MAX_TEXT_BYTES = 1024;

/**
 * What the devices speak: `| u8 0xA5 | u16 length | text | u8 checksum |`, numbers big-endian, the
 * checksum being the exclusive or of all bytes of the text.
 *
 * Whatever `decode` throws at ends the connection: behind a broken frame nobody knows where the next begins.
 */
export const deviceProtocol: ClientProtocol = {
  decode(buffer) {
    if (buffer[0] !== START) throw new Error('a frame does not begin with 0xA5');
    if (buffer.length < HEADER_BYTES) return undefined;
    const textBytes = buffer.readUInt16BE(1);
    if (textBytes > MAX_TEXT_BYTES) throw new Error(`a frame says that it has ${textBytes} bytes`);
    const byteLength = HEADER_BYTES + textBytes + CHECKSUM_BYTES;
    if (buffer.length < byteLength) return undefined;
    const text = buffer.subarray(HEADER_BYTES, HEADER_BYTES + textBytes);
    if (checksum(text) !== buffer[byteLength - 1]) throw new Error('a checksum is wrong');
    return { message: text.toString('utf8'), byteLength };
  },

  encode(data) {
    const text = Buffer.from(data);
    if (text.length > MAX_TEXT_BYTES)
      throw new Error(`${text.length} bytes are too much for a device`);
    const frame = Buffer.alloc(HEADER_BYTES + text.length + CHECKSUM_BYTES);
    frame.writeUInt8(START, 0);
    frame.writeUInt16BE(text.length, 1);
    text.copy(frame, HEADER_BYTES);
    frame.writeUInt8(checksum(text), frame.length - CHECKSUM_BYTES);
    return frame;
  },
};

function checksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0);
}
