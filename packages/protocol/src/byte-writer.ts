const emptyBuffer = Buffer.alloc(0);

/** Longest string of `writeShortString`, and so the longest uid or group, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 65_535;

/**
 * A growing byte buffer for frames, big-endian.
 *
 * The written bytes are `buffer[0, length)`. Growth replaces `buffer`, so do not keep it across a call.
 */
export class ByteWriter {
  buffer: Buffer;
  length: number;
  /** Start of the frame that is being written; -1 outside of a frame. */
  frameStart = -1;

  /** @param initialBytes - initial capacity; 0 allocates at the first write */
  constructor(initialBytes = 0) {
    this.buffer = initialBytes === 0 ? emptyBuffer : Buffer.allocUnsafeSlow(initialBytes);
    this.length = 0;
  }

  /** Makes room for more bytes. The capacity doubles, so growth costs amortised O(1) per byte. */
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

  /** Overwrites four written bytes. */
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
      // For a header or a short name, a loop is faster than a call into the runtime.
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
    // A UTF-16 code unit takes at most three bytes of UTF-8.
    this.ensure(text.length * 3);
    this.length += this.buffer.write(text, this.length);
  }

  /**
   * Appends a string as `| u16 length | UTF-8 |`.
   *
   * @throws {RangeError} when it takes more than 65,535 bytes; the frame that was begun is then removed
   */
  writeShortString(text: string): void {
    this.ensure(2 + text.length * 3);
    const byteLength = this.buffer.write(text, this.length + 2);
    if (byteLength > MAX_NAME_BYTES) {
      // A partial frame would corrupt every later frame of the link.
      if (this.frameStart >= 0) this.length = this.frameStart;
      throw new RangeError(`a string takes ${byteLength} bytes; allowed: up to ${MAX_NAME_BYTES}`);
    }
    this.writeU16(byteLength);
    this.length += byteLength;
  }
}
