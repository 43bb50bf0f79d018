import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';
import { readPosition, writePosition } from './link-frame.ts';

/** Kind of a name; uids and groups are separate namespaces. */
export const InterestKind = { Uid: 0, Group: 1 } as const;
export type InterestKind = (typeof InterestKind)[keyof typeof InterestKind];

/** A frame of names ends with the name that reaches this many bytes. */
const NAMES_FRAME_BYTES = 65_536;

/** Writes an empty frame: subscribes to the names that have members at the gateway. */
export function writeInterestSubscribe(writer: ByteWriter): void {
  endFrame(writer, beginFrame(writer, Command.InterestSubscribe));
}

/** Writes `| u8 kind | (u16 length, UTF-8)* |`: these names now have members. */
export function writeInterestAdded(
  writer: ByteWriter,
  kind: InterestKind,
  names: Iterable<string>,
): void {
  writeInterest(writer, Command.InterestAdded, kind, names);
}

/** Writes `| u8 kind | (u16 length, UTF-8)* |`: these names have lost their last member. */
export function writeInterestRemoved(
  writer: ByteWriter,
  kind: InterestKind,
  names: Iterable<string>,
): void {
  writeInterest(writer, Command.InterestRemoved, kind, names);
}

/** Writes several frames if there are many names, and none if there are none. */
function writeInterest(
  writer: ByteWriter,
  command: Command,
  kind: InterestKind,
  names: Iterable<string>,
): void {
  let start = -1;
  for (const name of names) {
    if (start < 0) {
      start = beginFrame(writer, command);
      writer.writeU8(kind);
    }
    writer.writeShortString(name);
    if (writer.length - start < NAMES_FRAME_BYTES) continue;
    endFrame(writer, start);
    start = -1;
  }
  if (start >= 0) endFrame(writer, start);
}

/**
 * Reads `InterestAdded` or `InterestRemoved` and calls back for each name.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the kind is unknown
 */
export function readInterest(
  reader: ByteReader,
  onName: (kind: InterestKind, name: string) => void,
): void {
  const kind = readKind(reader);
  while (reader.offset < reader.end) onName(kind, reader.readShortString());
}

/** Writes `| u8 kind | u8 isKnown |`: the subscriber has all names of this kind, or gets no more of them. */
export function writeInterestKnown(writer: ByteWriter, kind: InterestKind, isKnown: boolean): void {
  const start = beginFrame(writer, Command.InterestKnown);
  writer.writeU8(kind);
  writer.writeU8(isKnown ? 1 : 0);
  endFrame(writer, start);
}

/**
 * Reads `InterestKnown`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the kind is unknown
 */
export function readInterestKnown(reader: ByteReader): {
  readonly kind: InterestKind;
  readonly isKnown: boolean;
} {
  return { kind: readKind(reader), isKnown: reader.readU8() !== 0 };
}

/**
 * Writes `| u32 high | u32 low |`.
 *
 * @param count - number of JoinGroup and BindUid processed since the link is up
 */
export function writeJoinsApplied(writer: ByteWriter, count: number): void {
  const start = beginFrame(writer, Command.JoinsApplied);
  writePosition(writer, count);
  endFrame(writer, start);
}

/**
 * Reads `JoinsApplied`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the count exceeds 2^53 - 1
 */
export function readJoinsApplied(reader: ByteReader): number {
  return readPosition(reader);
}

function readKind(reader: ByteReader): InterestKind {
  const kind = reader.readU8();
  if (kind === InterestKind.Uid || kind === InterestKind.Group) return kind;
  throw new FrameError('GW_ERR_FRAME_MALFORMED', `unknown kind of interest ${kind}; allowed: 0, 1`);
}
