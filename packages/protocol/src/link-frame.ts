import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';

/**
 * Writes `| u32 high | u32 low |`: the peer may release its sent bytes up to this position.
 *
 * @param position - bytes of frames received over the link since its handshake, up to 2^53 - 1
 */
export function writeReceived(writer: ByteWriter, position: number): void {
  const start = beginFrame(writer, Command.Received);
  writePosition(writer, position);
  endFrame(writer, start);
}

/**
 * Reads `Received`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the position exceeds 2^53 - 1
 */
export function readReceived(reader: ByteReader): number {
  return readPosition(reader);
}

/** Writes a number up to 2^53 - 1 as `| u32 high | u32 low |`. */
export function writePosition(writer: ByteWriter, position: number): void {
  writer.writeU32(Math.floor(position / 2 ** 32));
  writer.writeU32(position % 2 ** 32);
}

/**
 * Reads a number written by `writePosition`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when it exceeds 2^53 - 1
 */
export function readPosition(reader: ByteReader): number {
  const position = reader.readU32() * 2 ** 32 + reader.readU32();
  if (Number.isSafeInteger(position)) return position;
  throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a position exceeds 2^53 - 1');
}
