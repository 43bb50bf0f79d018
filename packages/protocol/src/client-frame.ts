import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { isSendableCloseCode, MAX_CLOSE_REASON_BYTES } from './close-code.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { FrameError } from './frame-error.ts';
import type { ConnectionAddress } from './messages.ts';
import { type Payload, writePayload } from './payload.ts';
import { writeAddress } from './send-frame.ts';

/** Close code, reason and last message with which a client is closed. */
export interface CloseRequest {
  readonly code: number;
  /** At most 123 bytes of UTF-8. */
  readonly reason: string;
  /** Last message; `undefined` sends none, an empty string sends an empty message. */
  readonly payload: Payload | undefined;
}

/** Writes `| address | close |`: closes a client after its queued messages are sent. */
export function writeCloseClient(
  writer: ByteWriter,
  address: ConnectionAddress,
  close: CloseRequest,
): void {
  const start = beginFrame(writer, Command.CloseClient);
  writeAddress(writer, address);
  writeClose(writer, close);
  endFrame(writer, start);
}

/** Writes `| uid | close |`: closes every client of the uid. */
export function writeCloseUid(writer: ByteWriter, uid: string, close: CloseRequest): void {
  const start = beginFrame(writer, Command.CloseUid);
  writer.writeShortString(uid);
  writeClose(writer, close);
  endFrame(writer, start);
}

/** Writes `| group | close |`: closes every member of the group. */
export function writeCloseGroup(writer: ByteWriter, group: string, close: CloseRequest): void {
  const start = beginFrame(writer, Command.CloseGroup);
  writer.writeShortString(group);
  writeClose(writer, close);
  endFrame(writer, start);
}

/** Writes `| u16 code | reason | u8 hasPayload | u8 flags | payload |`, the last two only with a payload. */
function writeClose(writer: ByteWriter, { code, reason, payload }: CloseRequest): void {
  writer.writeU16(code);
  writer.writeShortString(reason);
  writer.writeU8(payload === undefined ? 0 : 1);
  if (payload !== undefined) writePayload(writer, payload);
}

/**
 * Reads the code and the reason of a close, and whether a payload follows.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} also when a close frame must not carry the code or the reason
 */
export function readClose(reader: ByteReader): {
  readonly code: number;
  readonly reason: string;
  readonly hasPayload: boolean;
} {
  const code = reader.readU16();
  const reason = reader.readShortString();
  if (!isSendableCloseCode(code)) {
    throw new FrameError('GW_ERR_FRAME_MALFORMED', `close code ${code} cannot be sent to a client`);
  }
  const reasonBytes = Buffer.byteLength(reason);
  if (reasonBytes > MAX_CLOSE_REASON_BYTES) {
    const text = `a close reason takes ${reasonBytes} bytes; allowed: up to ${MAX_CLOSE_REASON_BYTES}`;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
  }
  return { code, reason, hasPayload: reader.readU8() !== 0 };
}

/** Writes `| address |`: closes a client and discards its queued messages. */
export function writeDestroyClient(writer: ByteWriter, address: ConnectionAddress): void {
  writeAddressed(writer, Command.DestroyClient, address);
}

/** Writes `| address | UTF-8 uid |`. */
export function writeBindUid(writer: ByteWriter, address: ConnectionAddress, uid: string): void {
  writeAddressed(writer, Command.BindUid, address, uid);
}

/** Writes `| address |`. */
export function writeUnbindUid(writer: ByteWriter, address: ConnectionAddress): void {
  writeAddressed(writer, Command.UnbindUid, address);
}

/** Writes `| address | UTF-8 group |`. */
export function writeJoinGroup(
  writer: ByteWriter,
  address: ConnectionAddress,
  group: string,
): void {
  writeAddressed(writer, Command.JoinGroup, address, group);
}

/** Writes `| address | UTF-8 group |`. */
export function writeLeaveGroup(
  writer: ByteWriter,
  address: ConnectionAddress,
  group: string,
): void {
  writeAddressed(writer, Command.LeaveGroup, address, group);
}

/** Writes `| UTF-8 group |`: removes every member from the group. */
export function writeUngroup(writer: ByteWriter, group: string): void {
  const start = beginFrame(writer, Command.Ungroup);
  writer.writeUtf8(group);
  endFrame(writer, start);
}

/** Writes `| address | session as msgpack |`: the session becomes this. */
export function writeSetSession(
  writer: ByteWriter,
  address: ConnectionAddress,
  session: Uint8Array,
): void {
  writeAddressed(writer, Command.SetSession, address, session);
}

/** Writes `| address | partial session as msgpack |`: merged deeply into the session. */
export function writeUpdateSession(
  writer: ByteWriter,
  address: ConnectionAddress,
  partial: Uint8Array,
): void {
  writeAddressed(writer, Command.UpdateSession, address, partial);
}

/** Writes `| address | delta as msgpack |`: what a callback of a worker changed. */
export function writeApplySessionDelta(
  writer: ByteWriter,
  address: ConnectionAddress,
  delta: Uint8Array,
): void {
  writeAddressed(writer, Command.ApplySessionDelta, address, delta);
}

function writeAddressed(
  writer: ByteWriter,
  command: Command,
  address: ConnectionAddress,
  rest?: string | Uint8Array,
): void {
  const start = beginFrame(writer, command);
  writeAddress(writer, address);
  if (typeof rest === 'string') writer.writeUtf8(rest);
  else if (rest !== undefined) writer.writeBytes(rest);
  endFrame(writer, start);
}
