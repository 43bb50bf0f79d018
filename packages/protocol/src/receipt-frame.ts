import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import type { ConnectionAddress, SourcePosition } from './messages.ts';
import { type Payload, writePayload } from './payload.ts';
import { writeAddresses, writeNames } from './send-frame.ts';

/** The client must have handled the message, not only received it. */
const HANDLED = 1;

/** The first receipt ends the wait. */
const ANY = 2;

/** Longest wait for receipts, in milliseconds. */
export const MAX_RECEIPT_TIMEOUT_MS = 3_600_000;

/** What a sender wants to know about a message. */
export interface ReceiptRequest {
  /** Chosen by the caller, unique among its open receipts. */
  readonly receiptId: number;
  readonly isHandledWanted: boolean;
  readonly isAny: boolean;
  /** Time from the send on, in milliseconds. */
  readonly timeoutMs: number;
  /** The part of that time that has passed. */
  readonly elapsedMs: number;
}

/** Receivers of a message with a receipt. */
export interface ReceiptReceivers {
  readonly addresses: readonly ConnectionAddress[];
  readonly uids: readonly string[];
}

function writeRequest(writer: ByteWriter, request: ReceiptRequest): void {
  writer.writeU32(request.receiptId);
  writer.writeU8((request.isHandledWanted ? HANDLED : 0) | (request.isAny ? ANY : 0));
  writer.writeU32(request.timeoutMs);
  writer.writeU32(request.elapsedMs);
}

/** Reads `| u32 receiptId | u8 flags | u32 timeoutMs | u32 elapsedMs |`. */
export function readReceiptRequest(reader: ByteReader): ReceiptRequest {
  const receiptId = reader.readU32();
  const flags = reader.readU8();
  const timeoutMs = Math.min(reader.readU32(), MAX_RECEIPT_TIMEOUT_MS);
  const elapsedMs = Math.min(reader.readU32(), timeoutMs);
  const isHandledWanted = (flags & HANDLED) !== 0;
  return { receiptId, isHandledWanted, isAny: (flags & ANY) !== 0, timeoutMs, elapsedMs };
}

/** Writes `| receipt | addresses | uids | u8 flags | offset | payload |`. */
export function writeSendWithReceipt(
  writer: ByteWriter,
  request: ReceiptRequest,
  { addresses, uids }: ReceiptReceivers,
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendWithReceipt);
  writeRequest(writer, request);
  writeAddresses(writer, addresses);
  writeNames(writer, uids);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** A kept message, in the answer to a ReplayRequest. */
export interface ReplayedMessage extends SourcePosition {
  readonly requestId: number;
  readonly payload: Payload;
}

/** Writes `| u32 requestId | u32 source | receipt | u8 flags | offset | payload |`. */
export function writeReplayWithReceipt(
  writer: ByteWriter,
  { requestId, source, offset, payload }: ReplayedMessage,
  request: ReceiptRequest,
): void {
  const start = beginFrame(writer, Command.ReplayWithReceipt);
  writer.writeU32(requestId);
  writer.writeU32(source);
  writeRequest(writer, request);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}
