import { ClientProtocolError } from './client-protocol-error.ts';
import type { Positions } from './frames.ts';

const MAX_VARINT_BYTES = 8;

const TOO_SHORT = 'too short';

/** An integer is outside of the range of its field. */
export const OUT_OF_RANGE = 'out of range';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes UTF-8, such as the payload of a text message.
 *
 * @throws {ClientProtocolError} if the bytes are not UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new ClientProtocolError('not UTF-8', { cause });
  }
}

/** Reads the fields of one frame in their order. Every method throws a ClientProtocolError. */
export class FrameReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ClientProtocolError(TOO_SHORT);
    return byte;
  }

  u32(): number {
    return this.u8() * 0x1000000 + ((this.u8() << 16) | (this.u8() << 8) | this.u8());
  }

  /** An integer of a range. */
  varint(min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
      const byte = this.u8();
      // Multiplied, because shifts have 32 bits.
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        if (value < min || value > max) break;
        return value;
      }
    }
    return this.#fail();
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const bytes = this.rest(length);
    if (bytes.length < length) throw new ClientProtocolError(TOO_SHORT);
    return bytes;
  }

  string(): string {
    return decodeText(this.bytes());
  }

  /** At most `length` bytes, by default everything up to the end of the frame. */
  rest(length: number = Infinity): Uint8Array {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += bytes.length;
    return bytes;
  }

  /** The id of a source that has offsets. */
  source(): number {
    return this.u32() || this.#fail();
  }

  /** The offset of a message of this source: 0 exactly if the source is 0. */
  offset(source: number): number {
    return source === 0 ? this.varint(0, 0) : this.varint(1);
  }

  /** Positions in `count` sources, by default up to the end of the frame. */
  positions(count: number = Infinity): Positions {
    const positions = new Map<number, number>();
    while (positions.size < count && (count < Infinity || this.#hasMore())) {
      const source = this.source();
      if (positions.has(source)) this.#fail();
      positions.set(source, this.varint());
    }
    return positions;
  }

  /** Requires that every byte has been read. */
  end(): void {
    if (this.#hasMore()) throw new ClientProtocolError('too long');
  }

  #fail(): never {
    throw new ClientProtocolError(OUT_OF_RANGE);
  }

  #hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }
}
