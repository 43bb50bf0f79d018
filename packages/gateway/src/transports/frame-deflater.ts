import { constants, deflateRawSync } from 'node:zlib';
import { ByteWriter } from '@gatewayworker/protocol';
import { writeFrameHeader } from './websocket-frame.ts';

/** First reserved bit of a frame: its payload is compressed. */
const RSV1 = 0x40;

/** What a flush of the compressor ends with, and what the protocol leaves out. */
const TAIL_BYTES = 4;

/**
 * Compresses frames for clients that have negotiated it. No frame needs those before it, so a frame that
 * goes to many clients is compressed once.
 *
 * Source: RFC 7692 7.2.1.
 */
export class FrameDeflater {
  readonly #threshold: number;
  readonly #windowBits: number;
  #plain: Buffer | undefined;
  #compressed: Buffer | undefined;

  /**
   * @param threshold - payloads shorter than this many bytes are left as they are
   * @param windowBits - the window that a client needs to read them, as its power of two, 9 to 15
   */
  constructor(threshold: number, windowBits: number) {
    this.#threshold = threshold;
    this.#windowBits = windowBits;
  }

  /** Answers the frame to send in place of an uncompressed, unmasked data frame. */
  deflate(frame: Buffer): Buffer {
    if (frame !== this.#plain) {
      this.#plain = frame;
      this.#compressed = this.#compress(frame);
    }
    return this.#compressed ?? frame;
  }

  #compress(frame: Buffer): Buffer {
    const shortLength = frame.readUInt8(1);
    const headerBytes = shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10;
    const payload = frame.subarray(headerBytes);
    if (payload.length < this.#threshold) return frame;
    const flushed = deflateRawSync(payload, {
      finishFlush: constants.Z_SYNC_FLUSH,
      windowBits: this.#windowBits,
    });
    const compressed = flushed.subarray(0, flushed.length - TAIL_BYTES);
    const writer = new ByteWriter();
    writeFrameHeader(writer, compressed.length, (frame.readUInt8(0) & 0x0f) === 2);
    writer.writeBytes(compressed);
    const result = writer.buffer.subarray(0, writer.length);
    result.writeUInt8(result.readUInt8(0) | RSV1, 0);
    return result;
  }
}
