import { OUT_OF_RANGE } from './frame-reader.ts';
import type { Positions } from './frames.ts';

const utf8 = new TextEncoder();

/** Encodes text, such as a payload. Lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return utf8.encode(text);
}

/** Room for the short fields of a frame. */
const HEADER_BYTES = 32;

/** Writes the fields of one frame in their order. Every method throws a RangeError for a wrong integer. */
export class FrameWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `restBytes` is the length of the rest, which saves a second allocation. */
  constructor(op: number, restBytes = 0) {
    this.#bytes = new Uint8Array(restBytes + HEADER_BYTES);
    this.u8(op);
  }

  u8(value: number): this {
    this.#reserve(1)[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    if (value !== value >>> 0) throw new RangeError(OUT_OF_RANGE);
    return this.u8(value >>> 24)
      .u8(value >>> 16)
      .u8(value >>> 8)
      .u8(value);
  }

  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(OUT_OF_RANGE);
    }
    let left = value;
    while (left > 0x7f) {
      this.u8((left & 0x7f) | 0x80);
      left = Math.floor(left / 0x80);
    }
    return this.u8(left);
  }

  rest(bytes: Uint8Array): this {
    this.#reserve(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).rest(bytes);
  }

  string(text: string): this {
    return this.bytes(encodeText(text));
  }

  positions(positions: Positions): this {
    for (const [source, offset] of positions) this.u32(source).varint(offset);
    return this;
  }

  /** The whole frame. */
  frame(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): Uint8Array<ArrayBuffer> {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(2 * needed);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return this.#bytes;
  }
}
