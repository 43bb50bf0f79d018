import type { ClientProtocol } from 'gatewayworker';

const START = 0xa5;
const HEADER_BYTES = 3;
const CHECKSUM_BYTES = 1;

/** Longest text, in bytes. The length field allows 65,535, which is more than the memory of a device. */
const MAX_TEXT_BYTES = 1024;

/**
 * The device protocol: `| u8 0xA5 | u16 length | text | u8 checksum |`. Numbers are big-endian; the checksum is the
 * exclusive or of all bytes of the text.
 *
 * An exception in `decode` ends the connection, because the start of the next frame is unknown.
 */
export const deviceProtocol: ClientProtocol = {
  decode(buffer) {
    if (buffer[0] !== START) throw new Error('the first byte of a frame is not 0xA5');
    if (buffer.length < HEADER_BYTES) return undefined;
    const textBytes = buffer.readUInt16BE(1);
    if (textBytes > MAX_TEXT_BYTES)
      throw new Error(`a text has ${textBytes} bytes; allowed: ${MAX_TEXT_BYTES}`);
    const byteLength = HEADER_BYTES + textBytes + CHECKSUM_BYTES;
    if (buffer.length < byteLength) return undefined;
    const text = buffer.subarray(HEADER_BYTES, HEADER_BYTES + textBytes);
    if (checksum(text) !== buffer[byteLength - 1]) throw new Error('the checksum is wrong');
    return { message: text.toString('utf8'), byteLength };
  },

  encode(data) {
    const text = Buffer.from(data);
    if (text.length > MAX_TEXT_BYTES)
      throw new Error(`a text has ${text.length} bytes; allowed: ${MAX_TEXT_BYTES}`);
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
