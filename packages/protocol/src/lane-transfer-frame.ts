import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { ClientAddress } from './client-id.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';
import { readPosition, writePosition } from './link-frame.ts';
import { type Payload, PayloadFlag, readFlags, writePayload } from './payload.ts';
import { readNames, writeNames } from './send-frame.ts';

/** Receivers of a send. Clients are named by their client ids, also if they are at another gateway now. */
export type LaneReceivers =
  | { readonly kind: 'clients'; readonly clients: readonly ClientAddress[] }
  | { readonly kind: 'uids'; readonly uids: readonly string[] }
  | {
      readonly kind: 'groups';
      readonly groups: readonly string[];
      readonly excluded: readonly ClientAddress[];
    }
  | { readonly kind: 'all'; readonly excluded: readonly ClientAddress[] };

/** The kinds of receivers, by their number. */
const receiverKinds = ['clients', 'uids', 'groups', 'all'] as const;

/** What a frame of a transfer says about the lane and about itself. */
export interface LaneTransferHeader {
  readonly source: number;
  /** True for the first frame of the lane. */
  readonly isFirst: boolean;
  /** True for the last frame of the lane. */
  readonly isLast: boolean;
  /** Offset of the send before those of the frame. The first frame follows the last evicted send. */
  readonly offset: number;
  /** Number of sends in the frame; their offsets rise by 1. */
  readonly count: number;
  /** Age of the newest evicted send, in milliseconds; infinite if there is none. */
  readonly evictedAgeMs: number;
  /** Time since the process of the lane has ended, in milliseconds. */
  readonly endedAgeMs: number;
}

/** A kept send. */
export interface TransferredSend {
  /** Time since it was sent, in milliseconds. */
  readonly ageMs: number;
  /** Number of the request that it answers; 0 for a message. */
  readonly number: number;
  /** True for the error of a request that failed. */
  readonly isFailed: boolean;
  readonly receivers: LaneReceivers;
  /** Bytes are valid only until the buffer of the frame is reused. */
  readonly payload: Payload;
}

/** Answers of a gateway to a LaneTransfer, and of the process that it was passed on to. */
export const LaneTransferState = {
  /** No other process gets the lane. */
  Declined: 0,
  /** The frame was passed on: the next one may follow. */
  More: 1,
  /** Another process has the lane, and the gateway knows it. */
  Taken: 2,
} as const;
export type LaneTransferState = (typeof LaneTransferState)[keyof typeof LaneTransferState];

const TransferFlag = { First: 0x01, Last: 0x02 } as const;

const MAX_U32 = 0xffff_ffff;

/** Bytes of the length, the command and the source, before the flags. */
const FLAGS_INDEX = 9;
/** Bytes before the count. */
const COUNT_INDEX = 18;

/** Bytes of a client address. */
const CLIENT_BYTES = 16;

/**
 * Begins a LaneTransfer without sends. `writeLaneSend` adds them, and `endLaneTransfer` ends the frame.
 *
 * @returns start of the frame
 */
export function beginLaneTransfer(
  writer: ByteWriter,
  header: Omit<LaneTransferHeader, 'count' | 'isLast'>,
): number {
  const start = beginFrame(writer, Command.LaneTransfer);
  writer.writeU32(header.source);
  writer.writeU8(header.isFirst ? TransferFlag.First : 0);
  writePosition(writer, header.offset);
  writer.writeU32(0);
  writer.writeU32(toAge(header.evictedAgeMs));
  writer.writeU32(toAge(header.endedAgeMs));
  return start;
}

/** Ends a LaneTransfer. */
export function endLaneTransfer(
  writer: ByteWriter,
  start: number,
  { count, isLast }: Pick<LaneTransferHeader, 'count' | 'isLast'>,
): void {
  writer.setU32(start + COUNT_INDEX, count);
  if (isLast) {
    const { buffer } = writer;
    buffer[start + FLAGS_INDEX] = (buffer[start + FLAGS_INDEX] as number) | TransferFlag.Last;
  }
  endFrame(writer, start);
}

/** Writes `| u32 ageMs | number | receivers | u32 length | u8 flags | payload |`. */
export function writeLaneSend(writer: ByteWriter, send: TransferredSend): void {
  writer.writeU32(toAge(send.ageMs));
  writePosition(writer, send.number);
  writeReceivers(writer, send.receivers);
  const start = writer.length;
  writer.writeU32(0);
  writePayload(writer, send.payload, 0, send.isFailed ? PayloadFlag.Failed : 0);
  writer.setU32(start, writer.length - start - 5);
}

/** Passes on the body of a LaneTransfer. */
export function forwardLaneTransfer(writer: ByteWriter, body: ByteReader): void {
  const start = beginFrame(writer, Command.LaneTransfer);
  writer.writeBytes(body.buffer, body.offset, body.end);
  endFrame(writer, start);
}

/**
 * Reads a LaneTransfer up to its sends.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the source is 0 or an offset exceeds 2^53 - 1
 */
export function readLaneTransfer(reader: ByteReader): LaneTransferHeader {
  const source = reader.readU32();
  if (source === 0) throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a lane has the source 0');
  const flags = reader.readU8();
  const offset = readPosition(reader);
  const count = reader.readU32();
  if (!Number.isSafeInteger(offset + count)) {
    throw new FrameError('GW_ERR_FRAME_MALFORMED', 'an offset exceeds 2^53 - 1');
  }
  const evictedAge = reader.readU32();
  return {
    source,
    isFirst: (flags & TransferFlag.First) !== 0,
    isLast: (flags & TransferFlag.Last) !== 0,
    offset,
    count,
    evictedAgeMs: evictedAge === MAX_U32 ? Number.POSITIVE_INFINITY : evictedAge,
    endedAgeMs: reader.readU32(),
  };
}

/** Reads one send of a LaneTransfer. */
export function readLaneSend(reader: ByteReader): TransferredSend {
  const ageMs = reader.readU32();
  const number = readPosition(reader);
  const receivers = readReceivers(reader);
  const byteLength = reader.readU32();
  const flags = readFlags(reader);
  const isBinary = (flags & PayloadFlag.Binary) !== 0;
  const isFailed = (flags & PayloadFlag.Failed) !== 0;
  const payload = isBinary ? reader.readBytes(byteLength) : reader.readUtf8(byteLength);
  return { ageMs, number, isFailed, receivers, payload };
}

/** Writes `| u32 source | u8 state |`. */
export function writeLaneTransferState(
  writer: ByteWriter,
  source: number,
  state: LaneTransferState,
): void {
  const start = beginFrame(writer, Command.LaneTransferState);
  writer.writeU32(source);
  writer.writeU8(state);
  endFrame(writer, start);
}

/** Reads a LaneTransferState. An unknown state counts as declined. */
export function readLaneTransferState(reader: ByteReader): {
  readonly source: number;
  readonly state: LaneTransferState;
} {
  const source = reader.readU32();
  const state = reader.readU8();
  const { Declined, More, Taken } = LaneTransferState;
  return { source, state: state === More || state === Taken ? state : Declined };
}

function writeReceivers(writer: ByteWriter, receivers: LaneReceivers): void {
  writer.writeU8(receiverKinds.indexOf(receivers.kind));
  switch (receivers.kind) {
    case 'clients':
      writeClients(writer, receivers.clients);
      break;
    case 'uids':
      writeNames(writer, receivers.uids);
      break;
    case 'groups':
      writeNames(writer, receivers.groups);
      writeClients(writer, receivers.excluded);
      break;
    case 'all':
      writeClients(writer, receivers.excluded);
      break;
  }
}

function readReceivers(reader: ByteReader): LaneReceivers {
  const kind = receiverKinds[reader.readU8()];
  if (kind === 'clients') return { kind, clients: readClients(reader) };
  if (kind === 'uids') return { kind, uids: readNames(reader) };
  if (kind === 'groups') {
    return { kind, groups: readNames(reader), excluded: readClients(reader) };
  }
  if (kind === 'all') return { kind, excluded: readClients(reader) };
  throw new FrameError('GW_ERR_FRAME_MALFORMED', 'unknown kind of receivers');
}

function writeClients(writer: ByteWriter, clients: readonly ClientAddress[]): void {
  writer.writeU32(clients.length);
  for (const { gatewayToken, connection, nonceHigh, nonceLow } of clients) {
    writer.writeU32(gatewayToken);
    writer.writeU32(connection);
    writer.writeU32(nonceHigh);
    writer.writeU32(nonceLow);
  }
}

function readClients(reader: ByteReader): ClientAddress[] {
  const clients: ClientAddress[] = [];
  for (let left = reader.readCount(CLIENT_BYTES); left > 0; left--) {
    const gatewayToken = reader.readU32();
    const connection = reader.readU32();
    clients.push({
      gatewayToken,
      connection,
      nonceHigh: reader.readU32(),
      nonceLow: reader.readU32(),
    });
  }
  return clients;
}

function toAge(ms: number): number {
  return Math.min(MAX_U32, Math.max(0, Math.round(ms)));
}
