import { constants, deflateRawSync } from 'node:zlib';
import { ByteWriter } from '@gatewayworker/protocol';
import { writeFrameHeader } from './websocket-frame.ts';

/** First reserved bit of a frame. It marks a compressed payload. */
const RSV1 = 0x40;

/** Bytes at the end of a flush that the protocol omits. */
const TAIL_BYTES = 4;

/**
 * Compresses frames for clients that have negotiated it. Every frame is compressed by itself, so that a broadcast is
 * compressed once.
 *
 * Source: RFC 7692 7.2.1.
 */
export class FrameDeflater {
  readonly #threshold: number;
  readonly #windowBits: number;
  #plain: Buffer | undefined;
  #compressed: Buffer | undefined;

  /**
   * @param threshold - shorter payloads are not compressed, in bytes
   * @param windowBits - window of the compressor as a power of two, 9 to 15
   */
  constructor(threshold: number, windowBits: number) {
    this.#threshold = threshold;
    this.#windowBits = windowBits;
  }

  /** Compresses an unmasked data frame, and caches the last result. */
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
