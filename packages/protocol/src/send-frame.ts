import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { readPosition, writePosition } from './link-frame.ts';
import type { ConnectionAddress } from './messages.ts';
import { type Payload, PayloadFlag, writePayload } from './payload.ts';

/** Bytes of a connection address. */
const ADDRESS_BYTES = 12;

/** Writes `| u32 connection | u32 nonceHigh | u32 nonceLow |`. */
export function writeAddress(writer: ByteWriter, address: ConnectionAddress): void {
  writer.writeU32(address.connection);
  writer.writeU32(address.nonceHigh);
  writer.writeU32(address.nonceLow);
}

/** Writes `| u32 count | addresses |`. */
export function writeAddresses(writer: ByteWriter, addresses: readonly ConnectionAddress[]): void {
  writer.writeU32(addresses.length);
  for (const address of addresses) writeAddress(writer, address);
}

/** Reads a list of addresses and calls back for each. */
export function readAddresses(
  reader: ByteReader,
  onAddress: (connection: number, nonceHigh: number, nonceLow: number) => void,
): void {
  const count = reader.readCount(ADDRESS_BYTES);
  for (let i = 0; i < count; i++) onAddress(reader.readU32(), reader.readU32(), reader.readU32());
}

/** Writes `| u32 count | (u16 length, UTF-8)* |`. */
export function writeNames(writer: ByteWriter, names: readonly string[]): void {
  writer.writeU32(names.length);
  for (const name of names) writer.writeShortString(name);
}

/** Reads a list of uids or groups. */
export function readNames(reader: ByteReader): string[] {
  const names: string[] = [];
  for (let left = reader.readCount(2); left > 0; left--) names.push(reader.readShortString());
  return names;
}

// The `offset` of a send is its number in the lane of the sender; 0 if the lane is not active.

/** Writes `| address | u8 flags | payload |`: sends to one client. */
export function writeSendToClient(
  writer: ByteWriter,
  address: ConnectionAddress,
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendToClient);
  writeAddress(writer, address);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** Writes `| addresses | u8 flags | payload |`: sends to these clients. */
export function writeSendToClients(
  writer: ByteWriter,
  addresses: readonly ConnectionAddress[],
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendToClients);
  writeAddresses(writer, addresses);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** Writes `| excluded addresses | u8 flags | payload |`: sends to every other client of the gateway. */
export function writeSendToAll(
  writer: ByteWriter,
  excluded: readonly ConnectionAddress[],
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendToAll);
  writeAddresses(writer, excluded);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** Writes `| uids | u8 flags | payload |`: sends to every client of these uids. */
export function writeSendToUids(
  writer: ByteWriter,
  uids: readonly string[],
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendToUids);
  writeNames(writer, uids);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** Groups that receive a message, and their excluded members. */
export interface GroupReceivers {
  readonly groups: readonly string[];
  readonly excluded: readonly ConnectionAddress[];
}

/** Writes `| groups | excluded addresses | u8 flags | payload |`: sends once to each member of these groups. */
export function writeSendToGroups(
  writer: ByteWriter,
  receivers: GroupReceivers,
  payload: Payload,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendToGroups);
  writeNames(writer, receivers.groups);
  writeAddresses(writer, receivers.excluded);
  writePayload(writer, payload, offset);
  endFrame(writer, start);
}

/** The answer to a request of a client. */
export interface Reply {
  /** Number of the request, at least 1. */
  readonly number: number;
  readonly payload: Payload;
  /** True when the payload is the error of a request that failed. */
  readonly isFailed: boolean;
}

/** Writes `| address | number | u8 flags | payload |`: answers a request of a client. */
export function writeSendReply(
  writer: ByteWriter,
  address: ConnectionAddress,
  reply: Reply,
  offset = 0,
): void {
  const start = beginFrame(writer, Command.SendReply);
  writeAddress(writer, address);
  writePosition(writer, reply.number);
  writePayload(writer, reply.payload, offset, reply.isFailed ? PayloadFlag.Failed : 0);
  endFrame(writer, start);
}

/**
 * Reads the number of a request in `SendReply` or `Replay`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when it exceeds 2^53 - 1
 */
export function readRequestNumber(reader: ByteReader): number {
  return readPosition(reader);
}
