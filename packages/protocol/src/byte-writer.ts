const emptyBuffer = Buffer.alloc(0);

/** Longest string that `writeShortString` writes, and so the longest uid or group, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 65_535;

/**
 * A growing byte buffer that frames are written into, big-endian.
 *
 * What was written is `buffer[0, length)`. Growing replaces `buffer`, so never keep it across a call.
 */
export class ByteWriter {
  buffer: Buffer;
  length: number;
  /** Where the frame that is being written begins; -1 outside of one. */
  frameStart = -1;

  /** @param initialBytes - room allotted at once; 0 allots at the first write */
  constructor(initialBytes = 0) {
    this.buffer = initialBytes === 0 ? emptyBuffer : Buffer.allocUnsafeSlow(initialBytes);
    this.length = 0;
  }

  /** Makes room for so many more bytes; the room doubles, so that growth costs O(1) per byte. */
  ensure(byteLength: number): void {
    const needed = this.length + byteLength;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(256, 2 ** Math.ceil(Math.log2(needed))));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  writeU8(value: number): void {
    this.ensure(1);
    this.buffer[this.length++] = value;
  }

  writeU16(value: number): void {
    this.ensure(2);
    const { buffer, length } = this;
    buffer[length] = value >>> 8;
    buffer[length + 1] = value;
    this.length = length + 2;
  }

  writeU32(value: number): void {
    this.ensure(4);
    this.setU32(this.length, value);
    this.length += 4;
  }

  /** Overwrites four bytes that were written before. */
  setU32(offset: number, value: number): void {
    const { buffer } = this;
    buffer[offset] = value >>> 24;
    buffer[offset + 1] = value >>> 16;
    buffer[offset + 2] = value >>> 8;
    buffer[offset + 3] = value;
  }

  /** Appends `source[start, end)`. */
  writeBytes(source: Uint8Array, start = 0, end: number = source.length): void {
    const byteLength = end - start;
    this.ensure(byteLength);
    const { buffer, length } = this;
    if (byteLength <= 32) {
      // A loop beats the call into the runtime for the few bytes of a header or a short name.
      for (let i = 0; i < byteLength; i++) buffer[length + i] = source[start + i] as number;
    } else {
      buffer.set(
        start === 0 && end === source.length ? source : source.subarray(start, end),
        length,
      );
    }
    this.length = length + byteLength;
  }

  /** Appends a string as UTF-8, without a length. */
  writeUtf8(text: string): void {
    // No UTF-16 unit takes more than three bytes of UTF-8.
    this.ensure(text.length * 3);
    this.length += this.buffer.write(text, this.length);
  }

  /**
   * Appends a string as `| u16 length | UTF-8 |`.
   *
   * @throws {RangeError} when it takes more than 65,535 bytes; the frame that was begun is dropped then
   */
  writeShortString(text: string): void {
    this.ensure(2 + text.length * 3);
    const byteLength = this.buffer.write(text, this.length + 2);
    if (byteLength > MAX_NAME_BYTES) {
      // Half a frame would break the link for everything that follows it.
      if (this.frameStart >= 0) this.length = this.frameStart;
      throw new RangeError(`a string takes ${byteLength} bytes; allowed: up to ${MAX_NAME_BYTES}`);
    }
    this.writeU16(byteLength);
    this.length += byteLength;
  }
}
