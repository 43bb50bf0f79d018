import type { ByteWriter } from './byte-writer.ts';
import type { Command } from './command.ts';
import { FrameError } from './frame-error.ts';

/** Bytes of the length field; the length does not include them. */
export const FRAME_LENGTH_BYTES = 4;

/** Default limit of a frame without its length field: 32 MiB. */
export const DEFAULT_MAX_FRAME_BYTES: number = 32 * 1024 * 1024;

/**
 * Called for each complete frame; its body is `buffer[start, end)`, valid only during the call.
 *
 * Return `false` to stop the decoder, for example when the link is closed: it then ignores the rest of the
 * chunk.
 */
export type FrameHandler = (
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => boolean | undefined;

/**
 * Begins a frame: `| u32 length | u8 command | body |`.
 *
 * @returns start of the frame, for `endFrame`
 */
export function beginFrame(writer: ByteWriter, command: Command): number {
  writer.ensure(FRAME_LENGTH_BYTES + 1);
  const start = writer.length;
  writer.frameStart = start;
  writer.buffer[start + FRAME_LENGTH_BYTES] = command;
  writer.length = start + FRAME_LENGTH_BYTES + 1;
  return start;
}

/** Ends the frame that starts there by writing its length. */
export function endFrame(writer: ByteWriter, start: number): void {
  writer.setU32(start, writer.length - start - FRAME_LENGTH_BYTES);
  writer.frameStart = -1;
}

const noBytes = Buffer.alloc(0);

/**
 * Splits a byte stream into frames, independent of how it is split into chunks.
 *
 * A frame within one chunk is passed on without a copy. The memory for an incomplete frame grows with the
 * bytes received, not with the announced length.
 */
export class FrameDecoder {
  /** Longest accepted frame, without its length field. */
  maxFrameBytes: number;
  readonly #onFrame: FrameHandler;
  /** The incomplete frame at the end of the last chunk. */
  #partial: Buffer = noBytes;
  #partialLength = 0;

  constructor(onFrame: FrameHandler, maxFrameBytes: number = DEFAULT_MAX_FRAME_BYTES) {
    this.#onFrame = onFrame;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Bytes buffered for an incomplete frame. */
  get bufferedBytes(): number {
    return this.#partialLength;
  }

  /**
   * Decodes the next chunk and calls the handler for each frame that it completes.
   *
   * @throws {GW_ERR_FRAME_TOO_LARGE} when a frame announces more than `maxFrameBytes`
   * @throws {GW_ERR_FRAME_MALFORMED} when a frame has length 0
   */
  push(chunk: Buffer): void {
    let offset = 0;
    if (this.#partialLength > 0) {
      offset = this.#completePartial(chunk);
      if (offset < 0) return;
    }
    const chunkEnd = chunk.length;
    while (chunkEnd - offset >= FRAME_LENGTH_BYTES) {
      const end = offset + FRAME_LENGTH_BYTES + this.#readLength(chunk, offset);
      if (end > chunkEnd) break;
      const body = offset + FRAME_LENGTH_BYTES + 1;
      if (this.#onFrame(chunk[body - 1] as number, chunk, body, end) === false) return;
      offset = end;
    }
    if (offset < chunkEnd) this.#append(chunk, offset, chunkEnd);
  }

  /** Completes the partial frame from the chunk. Returns the start of the next frame, or -1 to stop. */
  #completePartial(chunk: Buffer): number {
    let offset = 0;
    if (this.#partialLength < FRAME_LENGTH_BYTES) {
      offset = Math.min(chunk.length, FRAME_LENGTH_BYTES - this.#partialLength);
      this.#append(chunk, 0, offset);
      if (this.#partialLength < FRAME_LENGTH_BYTES) return -1;
    }
    const frameBytes = FRAME_LENGTH_BYTES + this.#readLength(this.#partial, 0);
    const end = Math.min(chunk.length, offset + frameBytes - this.#partialLength);
    this.#append(chunk, offset, end);
    if (this.#partialLength < frameBytes) return -1;
    const frame = this.#partial;
    this.#partial = noBytes;
    this.#partialLength = 0;
    const body = FRAME_LENGTH_BYTES + 1;
    return this.#onFrame(frame[body - 1] as number, frame, body, frameBytes) === false ? -1 : end;
  }

  #append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#partialLength + end - start;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(64, 2 ** Math.ceil(Math.log2(needed))));
      this.#partial.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialLength, start, end);
    this.#partialLength = needed;
  }

  #readLength(buffer: Buffer, offset: number): number {
    const length = buffer.readUInt32BE(offset);
    if (length > this.maxFrameBytes) {
      const text = `a frame of ${length} bytes exceeds the limit of ${this.maxFrameBytes}`;
      throw new FrameError('GW_ERR_FRAME_TOO_LARGE', text);
    }
    if (length === 0) {
      throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a frame has length 0; allowed: 1 or more');
    }
    return length;
  }
}
