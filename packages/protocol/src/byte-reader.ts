import { isUtf8 } from 'node:buffer';
import { MAX_NAME_BYTES } from './byte-writer.ts';
import { FrameError } from './frame-error.ts';

/**
 * Reads the fields of a frame body in place, big-endian, and never past the end of the body.
 *
 * One reader is reused for many frames, so that no object is allocated per frame.
 */
export class ByteReader {
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #end = 0;

  /** Points the reader at `buffer[start, end)`. */
  reset(buffer: Buffer, start: number, end: number): this {
    this.#buffer = buffer;
    this.#offset = start;
    this.#end = end;
    return this;
  }

  /** The buffer that `offset` and `end` index. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Index of the next field. */
  get offset(): number {
    return this.#offset;
  }

  /** Index after the last byte of the body. */
  get end(): number {
    return this.#end;
  }

  /** @throws {GW_ERR_FRAME_MALFORMED} past the end of the body, like every read method */
  readU8(): number {
    return this.#buffer[this.#advance(1)] as number;
  }

  readU16(): number {
    const offset = this.#advance(2);
    const buffer = this.#buffer;
    return ((buffer[offset] as number) << 8) | (buffer[offset + 1] as number);
  }

  readU32(): number {
    const offset = this.#advance(4);
    const buffer = this.#buffer;
    return (
      (((buffer[offset] as number) << 24) |
        ((buffer[offset + 1] as number) << 16) |
        ((buffer[offset + 2] as number) << 8) |
        (buffer[offset + 3] as number)) >>>
      0
    );
  }

  /** Reads `| u16 length | UTF-8 |`. */
  readShortString(): string {
    const byteLength = this.readU16();
    const offset = this.#advance(byteLength);
    return this.#text(offset, offset + byteLength);
  }

  /** Reads the rest of the body as UTF-8. */
  readRestUtf8(): string {
    const offset = this.#offset;
    this.#offset = this.#end;
    return this.#text(offset, this.#end);
  }

  /** Reads the rest of the body as a name: UTF-8 of 1 to 65,535 bytes. */
  readRestName(): string {
    const byteLength = this.#end - this.#offset;
    if (byteLength > MAX_NAME_BYTES) {
      const text = `a name takes ${byteLength} bytes; allowed: 1 to ${MAX_NAME_BYTES}`;
      throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
    }
    const name = this.readRestUtf8();
    if (name === '') throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a name is empty');
    return name;
  }

  /** Returns a view of the rest of the body, which is valid only until the buffer is reused. */
  readRestBytes(): Buffer {
    const offset = this.#offset;
    this.#offset = this.#end;
    return this.#buffer.subarray(offset, this.#end);
  }

  /** Returns a view of the next bytes, which is valid only until the buffer is reused. */
  readBytes(byteLength: number): Buffer {
    const offset = this.#advance(byteLength);
    return this.#buffer.subarray(offset, offset + byteLength);
  }

  /** Reads the next bytes as UTF-8. */
  readUtf8(byteLength: number): string {
    const offset = this.#advance(byteLength);
    return this.#text(offset, offset + byteLength);
  }

  /**
   * Reads a count of entries.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when the rest of the body is too short for that many entries
   */
  readCount(minimumBytesEach: number): number {
    const count = this.readU32();
    if (count * minimumBytesEach <= this.#end - this.#offset) return count;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', `a list of ${count} entries exceeds its frame`);
  }

  #text(start: number, end: number): string {
    const text = this.#buffer.toString('utf8', start, end);
    // Invalid bytes decode to U+FFFD, which valid text may contain too.
    if (text.includes('\ufffd') && !isUtf8(this.#buffer.subarray(start, end))) {
      throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a string is not UTF-8');
    }
    return text;
  }

  #advance(byteLength: number): number {
    const offset = this.#offset;
    const next = offset + byteLength;
    if (next > this.#end) {
      throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a frame ends within a field');
    }
    this.#offset = next;
    return offset;
  }
}
