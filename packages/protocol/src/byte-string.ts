/**
 * Bytes as a string with one character per byte, as Web IDL has it. A small buffer costs 340 bytes beside
 * its content, such a string 12: it is how bytes are kept that are seldom looked at.
 *
 * Source: https://webidl.spec.whatwg.org/#idl-ByteString
 */
export function toByteString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The bytes of a byte string, copied. */
export function fromByteString(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
