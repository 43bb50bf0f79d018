import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
import { readPosition, writePosition } from './link-frame.ts';
import { PayloadFlag } from './payload.ts';

/** Writes `| u32 connection | u8 flags |`: the client is connected. */
export function writeClientConnected(
  writer: ByteWriter,
  connection: number,
  isRedelivered: boolean,
): void {
  const start = beginFrame(writer, Command.ClientConnected);
  writer.writeU32(connection);
  writer.writeU8(isRedelivered ? PayloadFlag.Redelivered : 0);
  endFrame(writer, start);
}

/**
 * Writes `| u32 connection | u8 flags | payload |`: a message of a client, its bytes unchanged.
 *
 * @param flags - a bit set of `PayloadFlag`
 * @param source - `source[start, end)` is the payload
 */
export function writeClientMessage(
  writer: ByteWriter,
  connection: number,
  flags: number,
  source: Uint8Array,
  start = 0,
  end: number = source.length,
): void {
  const frame = beginFrame(writer, Command.ClientMessage);
  writer.writeU32(connection);
  writer.writeU8(flags);
  writer.writeBytes(source, start, end);
  endFrame(writer, frame);
}

/** A request of a client. */
export interface ClientRequestPayload {
  /** Number of the client for it; its reply has the same. */
  readonly number: number;
  readonly requestType: string;
  readonly payload: Uint8Array;
}

/**
 * Writes `| u32 connection | position number | name type | u8 flags | payload |`: a request of a client.
 *
 * @param flags - a bit set of `PayloadFlag`
 */
export function writeClientRequested(
  writer: ByteWriter,
  connection: number,
  flags: number,
  { number, requestType, payload }: ClientRequestPayload,
): void {
  const frame = beginFrame(writer, Command.ClientRequested);
  writer.writeU32(connection);
  writePosition(writer, number);
  writer.writeShortString(requestType);
  writer.writeU8(flags);
  writer.writeBytes(payload);
  endFrame(writer, frame);
}

/** A request of a client as a worker reads it. */
export interface ReceivedRequest extends ClientRequestPayload {
  readonly payload: Buffer;
  readonly flags: number;
}

/** Reads `ClientRequested` after its connection. The payload is a view of the frame. */
export function readClientRequested(reader: ByteReader): ReceivedRequest {
  const number = readPosition(reader);
  const requestType = reader.readShortString();
  const flags = reader.readU8();
  return { number, requestType, flags, payload: reader.readRestBytes() };
}

/** Writes `| u32 connection | u8 flags |`: the client has lost its connection. */
export function writeClientDropped(
  writer: ByteWriter,
  connection: number,
  isRedelivered: boolean,
): void {
  const start = beginFrame(writer, Command.ClientDropped);
  writer.writeU32(connection);
  writer.writeU8(isRedelivered ? PayloadFlag.Redelivered : 0);
  endFrame(writer, start);
}

/** Writes `| u32 connection | u8 flags | u32 awayMs |`: the client is connected again. */
export function writeClientResumed(
  writer: ByteWriter,
  connection: number,
  { isRedelivered, awayMs }: { readonly isRedelivered: boolean; readonly awayMs: number },
): void {
  const start = beginFrame(writer, Command.ClientResumed);
  writer.writeU32(connection);
  writer.writeU8(isRedelivered ? PayloadFlag.Redelivered : 0);
  writer.writeU32(Math.min(0xffff_ffff, Math.round(awayMs)));
  endFrame(writer, start);
}

/** Writes `| u32 connection | UTF-8 group |`: a client that can resume has joined the group, or left it. */
export function writeGroupChange(
  writer: ByteWriter,
  connection: number,
  { group, isMember }: { readonly group: string; readonly isMember: boolean },
): void {
  const start = beginFrame(writer, isMember ? Command.GroupJoined : Command.GroupLeft);
  writer.writeU32(connection);
  writer.writeUtf8(group);
  endFrame(writer, start);
}

/** What precedes a message of a client that can resume. */
export interface NumberedMessageHeader {
  readonly connection: number;
  /** A bit set of `PayloadFlag`. */
  readonly flags: number;
  /** Number of the client for the message, from 1. */
  readonly number: number;
}

/**
 * Writes `| u32 connection | u8 flags | number | payload |`: a message of a client that can resume.
 *
 * @param source - `source[start, end)` is the payload
 */
export function writeNumberedMessage(
  writer: ByteWriter,
  { connection, flags, number }: NumberedMessageHeader,
  source: Uint8Array,
  start = 0,
  end: number = source.length,
): void {
  const frame = beginFrame(writer, Command.ClientMessage);
  writer.writeU32(connection);
  writer.writeU8(flags | PayloadFlag.Numbered);
  writePosition(writer, number);
  writer.writeBytes(source, start, end);
  endFrame(writer, frame);
}

/** Writes `| u32 connection |`: the client moves to another worker. */
export function writeClientDetached(writer: ByteWriter, connection: number): void {
  const start = beginFrame(writer, Command.ClientDetached);
  writer.writeU32(connection);
  endFrame(writer, start);
}

/** Writes `| u32 connection * n |`: the worker has ended these clients because it lost the gateway. */
export function writeClientsEnded(writer: ByteWriter, connections: readonly number[]): void {
  const start = beginFrame(writer, Command.ClientsEnded);
  for (const connection of connections) writer.writeU32(connection);
  endFrame(writer, start);
}

/** Reads `ClientsEnded` and calls back for each client. */
export function readClientsEnded(reader: ByteReader, onEnded: (connection: number) => void): void {
  while (reader.offset < reader.end) onEnded(reader.readU32());
}

/** Flag of `WorkerReady`: the application decides about handshakes. */
const DECIDES_HANDSHAKES = 1;

/** Flag of `WorkerReady`: unacknowledged events of a dead worker go to another worker. */
const REDELIVERS = 2;

/** Flag of `WorkerReady`: the application decides about resumes. */
const DECIDES_RESUMES = 4;

/** What a worker requires of gateways. */
export interface WorkerFeatures {
  /** Gateways ask it about handshakes. */
  readonly decidesHandshakes: boolean;
  /** Gateways wait for the acknowledgement of ClientResumed before a client resumes. */
  readonly decidesResumes: boolean;
  /** Its unacknowledged events go to another worker when it dies. */
  readonly redelivers: boolean;
}

/** Writes `| u8 flags |`: the worker accepts clients. */
export function writeWorkerReady(writer: ByteWriter, features: WorkerFeatures): void {
  const { decidesHandshakes, decidesResumes, redelivers } = features;
  const start = beginFrame(writer, Command.WorkerReady);
  writer.writeU8(
    (decidesHandshakes ? DECIDES_HANDSHAKES : 0) |
      (redelivers ? REDELIVERS : 0) |
      (decidesResumes ? DECIDES_RESUMES : 0),
  );
  endFrame(writer, start);
}

/** Reads `WorkerReady`. */
export function readWorkerReady(reader: ByteReader): WorkerFeatures {
  const flags = reader.readU8();
  return {
    decidesHandshakes: (flags & DECIDES_HANDSHAKES) !== 0,
    decidesResumes: (flags & DECIDES_RESUMES) !== 0,
    redelivers: (flags & REDELIVERS) !== 0,
  };
}

/** Bytes of one entry of `EventsAck`. */
const ACK_ENTRY_BYTES = 12;

/** Collects the finished events of a worker for one `EventsAck` per turn of the event loop. */
export class PendingAcks {
  readonly #connections: number[] = [];
  readonly #counts: number[] = [];
  readonly #byteLengths: number[] = [];

  /** True when no event was added since the last frame. */
  get isEmpty(): boolean {
    return this.#connections.length === 0;
  }

  /**
   * Adds a finished event. Consecutive events of one client share an entry.
   *
   * @param byteLength - bytes of its payload; 0 for an event without one
   */
  add(connection: number, byteLength: number): void {
    const last = this.#connections.length - 1;
    if (last >= 0 && this.#connections[last] === connection) {
      this.#counts[last] = (this.#counts[last] ?? 0) + 1;
      this.#byteLengths[last] = (this.#byteLengths[last] ?? 0) + byteLength;
      return;
    }
    this.#connections.push(connection);
    this.#counts.push(1);
    this.#byteLengths.push(byteLength);
  }

  /** Writes `| (u32 connection, u32 count, u32 bytes of payloads)* |` and clears the collection. */
  write(writer: ByteWriter): void {
    const start = beginFrame(writer, Command.EventsAck);
    writer.ensure(this.#connections.length * ACK_ENTRY_BYTES);
    for (let i = 0; i < this.#connections.length; i++) {
      writer.writeU32(this.#connections[i] as number);
      writer.writeU32(this.#counts[i] as number);
      writer.writeU32(this.#byteLengths[i] as number);
    }
    endFrame(writer, start);
    this.clear();
  }

  clear(): void {
    this.#connections.length = 0;
    this.#counts.length = 0;
    this.#byteLengths.length = 0;
  }
}

/** Reads `EventsAck` and calls back for each entry. */
export function readEventsAck(
  reader: ByteReader,
  onAck: (connection: number, count: number, byteLength: number) => void,
): void {
  while (reader.offset < reader.end) {
    onAck(reader.readU32(), reader.readU32(), reader.readU32());
  }
}
