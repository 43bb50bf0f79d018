import type { Duplex } from 'node:stream';
import { ByteWriter } from '@gatewayworker/protocol';
import { BLOCK_BYTES, type Flushable, type FlushScheduler } from './flush-scheduler.ts';
import type { Guarded } from './guard.ts';

/** Frames of up to this many bytes in total are joined into one buffer; more bytes are written by `writev`. */
const MAX_JOINED_BYTES = 65_536;

/** A buffer of up to this size is kept for the next turn; a larger one is left to the garbage collector. */
const MAX_KEPT_BYTES = 262_144;

/**
 * Once this many bytes are queued, they are written before the turn ends. Otherwise the buffer would grow, which
 * copies all of its bytes and costs more than another system call. Measured together with the spare blocks of
 * `RetransmitBuffer`: one fifth more echoes of 4 KB per second.
 */
const MAX_COALESCED_BYTES = 131_072;

const emptyBuffer = Buffer.alloc(0);

/** List of a socket without shared frames, so that an idle socket has no list of its own. */
const noFrames: Buffer[] = [];

/**
 * The sending side of one socket: a client socket or an inner link.
 *
 * Bytes are queued in two ways, in any order: encoded in place by `writer()`, or shared with other sockets by
 * `append()`. At the end of the turn of the event loop, one write sends all of them. While the kernel buffer is full
 * they stay here; `pendingBytes` counts them exactly, and the owner enforces its limit.
 */
export class CoalescingWriter implements Flushable {
  /** Called before queued bytes are written; may queue more. */
  beforeFlush: (() => void) | undefined;
  /** Called when the kernel buffer was full and has taken everything that was queued. */
  onDrain: (() => void) | undefined;
  /** Called with all bytes that are written to the socket; they are valid during the call only. */
  onWrite: ((bytes: Buffer) => void) | undefined;
  #socket: Duplex;
  /** True while there is no socket: all bytes stay queued. */
  #isDetached = false;
  readonly #scheduler: FlushScheduler;
  readonly #owner: Guarded;
  readonly #hasPriority: boolean;
  readonly #writer = new ByteWriter();
  #shared = noFrames;
  #sharedBytes = 0;
  #isScheduled = false;
  #isBlocked = false;

  /**
   * @param owner - ended when a flush throws
   * @param hasPriority - true to flush it before other sockets; for the few inner links of a process
   */
  constructor(socket: Duplex, scheduler: FlushScheduler, owner: Guarded, hasPriority = false) {
    this.#socket = socket;
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.#hasPriority = hasPriority;
  }

  /** Queued bytes that the kernel has not taken. */
  get pendingBytes(): number {
    const queued = this.#writer.length + this.#sharedBytes;
    return this.#isDetached ? queued : queued + this.#socket.writableLength;
  }

  /** True while the kernel buffer is full, or there is no socket. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Stops writing to the socket, because it is broken. Bytes stay queued until `attach`. */
  detach(): void {
    this.#isDetached = true;
    this.#isBlocked = true;
  }

  /**
   * Continues on another socket.
   *
   * @param first - bytes to write before the queued ones
   */
  attach(socket: Duplex, first: readonly Buffer[]): void {
    this.#socket = socket;
    this.#isDetached = false;
    this.#isBlocked = false;
    for (const bytes of first) socket.write(bytes);
    if (socket.writableLength > 0) {
      this.#awaitDrain();
      return;
    }
    this.#write();
    if (!this.#isBlocked) this.onDrain?.();
  }

  /** The writer for bytes of this turn. Use it at once and do not keep it. The bytes are sent when the turn ends. */
  writer(): ByteWriter {
    this.schedule();
    return this.#prepareWriter();
  }

  /** As `writer`, for bytes that may wait for a few turns, so that they leave together with others. */
  delayedWriter(): ByteWriter {
    if (!this.#isScheduled) this.#scheduler.scheduleDelayed(this);
    return this.#prepareWriter();
  }

  /** Queues bytes that other sockets may share, so they must not change. They are sent at the end of this turn. */
  append(bytes: Buffer): void {
    if (this.#writer.length > 0) this.#moveWriterToShared();
    if (this.#shared === noFrames) this.#shared = [bytes];
    else this.#shared.push(bytes);
    this.#sharedBytes += bytes.length;
    this.schedule();
  }

  /** Schedules a call of `flush` at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#hasPriority) this.#scheduler.schedulePriority(this);
    else this.#scheduler.schedule(this);
  }

  /** Writes the queued bytes; while the kernel buffer is full, they are written when it has room. */
  flush(): void {
    this.beforeFlush?.();
    this.#isScheduled = false;
    if (!this.#isBlocked) this.#write();
  }

  /** See `Guarded`. */
  fail(error: Error): void {
    this.#owner.fail(error);
  }

  /** Writes the queued bytes at once, even if the kernel buffer is full. Use it before a direct write to the stream. */
  flushNow(): void {
    this.beforeFlush?.();
    this.#write();
  }

  /** Drops the queued bytes; bytes that the stream already has are still sent. */
  discard(): void {
    this.#shared = noFrames;
    this.#sharedBytes = 0;
    this.#writer.length = 0;
    this.#recycle();
  }

  /** Removes and returns the queued bytes, so that another process can send them. */
  takeQueued(): Buffer {
    if (this.#writer.length > 0) this.#moveWriterToShared();
    const bytes = Buffer.concat(this.#shared);
    this.discard();
    return bytes;
  }

  #prepareWriter(): ByteWriter {
    const writer = this.#writer;
    if (writer.length >= MAX_COALESCED_BYTES) this.#makeRoom();
    if (writer.buffer.length === 0) writer.buffer = this.#scheduler.acquireBlock();
    return writer;
  }

  #makeRoom(): void {
    if (this.#isBlocked) this.#moveWriterToShared();
    else this.#write();
  }

  #write(): void {
    const { length, buffer } = this.#writer;
    const socket = this.#socket;
    if (this.#isDetached || (length === 0 && this.#sharedBytes === 0)) return;
    if (!socket.writable) {
      // The owner of `onWrite` can resume on another socket, so the bytes stay queued for it.
      if (this.onWrite === undefined) this.discard();
      return;
    }
    if (this.#sharedBytes === 0) this.#send(buffer.subarray(0, length));
    else this.#writeShared();
    this.#writer.length = 0;
    if (socket.writableLength === 0) {
      this.#recycle();
    } else {
      // The stream has not written the buffer yet, so it must not be reused.
      this.#writer.buffer = emptyBuffer;
      this.#awaitDrain();
    }
  }

  #writeShared(): void {
    if (this.#writer.length > 0) this.#moveWriterToShared();
    const frames = this.#shared;
    const byteLength = this.#sharedBytes;
    const socket = this.#socket;
    if (frames.length === 1) {
      this.#send(frames[0] as Buffer);
    } else if (byteLength <= MAX_JOINED_BYTES) {
      this.#send(this.#scheduler.join(frames, byteLength));
    } else {
      socket.cork();
      for (const frame of frames) this.#send(frame);
      socket.uncork();
    }
    // A new list: the scheduler may still compare the old one.
    this.#shared = noFrames;
    this.#sharedBytes = 0;
  }

  #send(bytes: Buffer): void {
    this.onWrite?.(bytes);
    this.#socket.write(bytes);
  }

  /** Moves the bytes of the writer to the end of the shared list, which keeps the order. */
  #moveWriterToShared(): void {
    const { buffer, length } = this.#writer;
    const bytes = buffer.subarray(0, length);
    if (this.#shared === noFrames) this.#shared = [bytes];
    else this.#shared.push(bytes);
    this.#sharedBytes += length;
    this.#writer.buffer = emptyBuffer;
    this.#writer.length = 0;
  }

  /** Reuses the buffer after the kernel has taken all of its bytes. */
  #recycle(): void {
    const { buffer } = this.#writer;
    // A grown buffer belongs to a busy link. The link keeps it, so that it does not have to grow again.
    if (buffer.length > BLOCK_BYTES && buffer.length <= MAX_KEPT_BYTES) return;
    if (buffer.length === BLOCK_BYTES) this.#scheduler.releaseBlock(buffer);
    this.#writer.buffer = emptyBuffer;
  }

  #awaitDrain(): void {
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    const socket = this.#socket;
    // `drain` is emitted only above the high-water mark. An empty write calls back once all earlier writes are done.
    const handleDrain = (): void => {
      // The socket broke, and the link continues on another one.
      if (this.#isDetached || socket !== this.#socket) return;
      this.#isBlocked = false;
      this.#write();
      if (!this.#isBlocked) this.onDrain?.();
    };
    const { guard } = this.#scheduler;
    socket.write(
      emptyBuffer,
      guard.wrap('output drain', handleDrain, (error) => this.fail(error)),
    );
  }
}
