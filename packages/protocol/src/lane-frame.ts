import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { readPosition, writePosition } from './link-frame.ts';
import type { SourcePosition } from './messages.ts';
import { PayloadFlag, writePayload } from './payload.ts';
import type { Reply } from './send-frame.ts';

/** Writes `| u32 source | offset |`: every later send of the caller over this link is numbered. */
export function writeLaneStarted(writer: ByteWriter, { source, offset }: SourcePosition): void {
  writeLanePosition(writer, Command.LaneStarted, source, offset);
}

/** Writes `| u32 source | offset |`: sends up to this offset may not have reached the gateway. */
export function writeLaneGap(writer: ByteWriter, { source, offset }: SourcePosition): void {
  writeLanePosition(writer, Command.LaneGap, source, offset);
}

/** Writes `| u32 source | offset |`: the caller has the lane of this source, which has ended, up to this offset. */
export function writeLaneAdopted(writer: ByteWriter, { source, offset }: SourcePosition): void {
  writeLanePosition(writer, Command.LaneAdopted, source, offset);
}

function writeLanePosition(
  writer: ByteWriter,
  command: Command,
  source: number,
  offset: number,
): void {
  const start = beginFrame(writer, command);
  writer.writeU32(source);
  writePosition(writer, offset);
  endFrame(writer, start);
}

/**
 * Reads `LaneStarted`, `LaneGap` or `LaneAdopted`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the offset exceeds 2^53 - 1
 */
export function readLanePosition(reader: ByteReader): SourcePosition {
  return { source: reader.readU32(), offset: readPosition(reader) };
}

/** A kept send, in the answer to a ReplayRequest. */
export interface ReplayedSend extends Reply, SourcePosition {
  readonly requestId: number;
  /** Number of the request that it answers; 0 for a message. */
  readonly number: number;
}

/** Writes `| u32 requestId | u32 source | number | u8 flags | offset | payload |`. */
export function writeReplay(writer: ByteWriter, send: ReplayedSend): void {
  const start = beginFrame(writer, Command.Replay);
  writer.writeU32(send.requestId);
  writer.writeU32(send.source);
  writePosition(writer, send.number);
  writePayload(writer, send.payload, send.offset, send.isFailed ? PayloadFlag.Failed : 0);
  endFrame(writer, start);
}
