/**
 * Converts bytes to a string with one character per byte, a `ByteString` of Web IDL. It stores bytes that are
 * rarely read: its overhead is 12 bytes, that of a small buffer 340.
 *
 * Source: https://webidl.spec.whatwg.org/#idl-ByteString
 */
export function toByteString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Copies the bytes of a byte string into a buffer. */
export function fromByteString(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
