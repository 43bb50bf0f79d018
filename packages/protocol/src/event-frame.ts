import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { Command } from './command.ts';
import { beginFrame, endFrame } from './frame.ts';
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

/** What a worker requires of gateways. */
export interface WorkerFeatures {
  /** Gateways ask it about handshakes. */
  readonly decidesHandshakes: boolean;
  /** Its unacknowledged events go to another worker when it dies. */
  readonly redelivers: boolean;
}

/** Writes `| u8 flags |`: the worker accepts clients. */
export function writeWorkerReady(writer: ByteWriter, features: WorkerFeatures): void {
  const { decidesHandshakes, redelivers } = features;
  const start = beginFrame(writer, Command.WorkerReady);
  writer.writeU8((decidesHandshakes ? DECIDES_HANDSHAKES : 0) | (redelivers ? REDELIVERS : 0));
  endFrame(writer, start);
}

/** Reads `WorkerReady`. */
export function readWorkerReady(reader: ByteReader): WorkerFeatures {
  const flags = reader.readU8();
  return {
    decidesHandshakes: (flags & DECIDES_HANDSHAKES) !== 0,
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
