import type { Duplex } from 'node:stream';
import { ByteWriter } from '@gatewayworker/protocol';
import { BLOCK_BYTES, type Flushable, type FlushScheduler } from './flush-scheduler.ts';
import type { Guarded } from './guard.ts';

/** Frames up to this many bytes in all are joined into one buffer; larger ones leave by `writev`. */
const MAX_JOINED_BYTES = 65_536;

/** A buffer up to this size is kept for the next turn; a larger one is left to the collector. */
const MAX_KEPT_BYTES = 262_144;

/**
 * What is written past this in one turn does not wait for its end: it would grow the buffer by copies of all
 * that is in it, and a system call is nothing beside so many bytes. With it and the spare blocks of
 * `RetransmitBuffer`, echoes of 4 KB became a fifth more per second.
 */
const MAX_COALESCED_BYTES = 131_072;

const nothing = Buffer.alloc(0);

/** Of a socket that has nothing to share: an idle one keeps no list. */
const noFrames: Buffer[] = [];

/**
 * The sending side of one socket, client socket and inner link alike.
 *
 * Bytes are queued in two ways, in any order: written into `writer()` in place, or shared with other
 * sockets by `append()`. At the end of the turn they leave in one write. While the kernel takes no
 * more, they stay here, where `pendingBytes` counts them exactly; the owner enforces its limit.
 */
export class CoalescingWriter implements Flushable {
  /** Called before queued bytes leave; may queue more. */
  beforeFlush: (() => void) | undefined;
  /** Called when everything that was queued has been handed to the kernel after it had been full. */
  onDrain: (() => void) | undefined;
  /** Called with everything that is handed to the socket; the bytes are valid during the call. */
  onWrite: ((bytes: Buffer) => void) | undefined;
  #socket: Duplex;
  /** True while there is no socket to write to: everything stays queued. */
  #isDetached = false;
  readonly #scheduler: FlushScheduler;
  readonly #owner: Guarded;
  readonly #leavesFirst: boolean;
  readonly #writer = new ByteWriter();
  #shared = noFrames;
  #sharedBytes = 0;
  #isScheduled = false;
  #isBlocked = false;

  /**
   * @param owner - ended when a flush throws
   * @param leavesFirst - whether it is flushed before others; for the few links of a process
   */
  constructor(socket: Duplex, scheduler: FlushScheduler, owner: Guarded, leavesFirst = false) {
    this.#socket = socket;
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.#leavesFirst = leavesFirst;
  }

  /** Bytes that were queued and that the kernel has not taken. */
  get pendingBytes(): number {
    const queued = this.#writer.length + this.#sharedBytes;
    return this.#isDetached ? queued : queued + this.#socket.writableLength;
  }

  /** True while the kernel takes no more. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The socket is broken: what is queued from now on waits for the next one. */
  detach(): void {
    this.#isDetached = true;
    this.#isBlocked = true;
  }

  /**
   * Goes on over another socket.
   *
   * @param first - bytes that leave before what is queued
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

  /** The writer to put bytes into at once; it is not to be kept. They leave at the end of this turn. */
  writer(): ByteWriter {
    const writer = this.#writer;
    if (writer.length >= MAX_COALESCED_BYTES) this.#makeRoom();
    if (writer.buffer.length === 0) writer.buffer = this.#scheduler.takeBlock();
    this.schedule();
    return writer;
  }

  /** Queues bytes that may be shared with other sockets and never change. They leave at the end of this turn. */
  append(bytes: Buffer): void {
    if (this.#writer.length > 0) this.#seal();
    if (this.#shared === noFrames) this.#shared = [bytes];
    else this.#shared.push(bytes);
    this.#sharedBytes += bytes.length;
    this.schedule();
  }

  /** Has `flush` called at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#leavesFirst) this.#scheduler.scheduleFirst(this);
    else this.#scheduler.schedule(this);
  }

  /** Writes what is queued, unless the kernel is full: then when it has room. */
  flush(): void {
    this.beforeFlush?.();
    this.#isScheduled = false;
    if (!this.#isBlocked) this.#write();
  }

  /** See `Guarded`. */
  fail(error: Error): void {
    this.#owner.fail(error);
  }

  /** Hands what is queued to the stream at once, full or not: before somebody else writes to it. */
  flushNow(): void {
    this.beforeFlush?.();
    this.#write();
  }

  /** Drops what is queued here; what the stream already has goes on. */
  discard(): void {
    this.#shared = noFrames;
    this.#sharedBytes = 0;
    this.#writer.length = 0;
    this.#recycle();
  }

  /** Takes what is queued, for another process to send. */
  take(): Buffer {
    if (this.#writer.length > 0) this.#seal();
    const bytes = Buffer.concat(this.#shared);
    this.discard();
    return bytes;
  }

  #makeRoom(): void {
    if (this.#isBlocked) this.#seal();
    else this.#write();
  }

  #write(): void {
    const { length, buffer } = this.#writer;
    const socket = this.#socket;
    if (this.#isDetached || (length === 0 && this.#sharedBytes === 0)) return;
    if (!socket.writable) {
      // Whoever looks at what is written may go on over another socket soon.
      if (this.onWrite === undefined) this.discard();
      return;
    }
    if (this.#sharedBytes === 0) this.#send(buffer.subarray(0, length));
    else this.#writeShared();
    this.#writer.length = 0;
    if (socket.writableLength === 0) {
      this.#recycle();
    } else {
      // The stream still reads from the buffer, so it is the stream's now.
      this.#writer.buffer = nothing;
      this.#awaitDrain();
    }
  }

  #writeShared(): void {
    if (this.#writer.length > 0) this.#seal();
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
    // Not emptied: the scheduler may still compare with it.
    this.#shared = noFrames;
    this.#sharedBytes = 0;
  }

  #send(bytes: Buffer): void {
    this.onWrite?.(bytes);
    this.#socket.write(bytes);
  }

  /** Puts what is in the writer behind the shared bytes, so that order holds. */
  #seal(): void {
    const { buffer, length } = this.#writer;
    const bytes = buffer.subarray(0, length);
    if (this.#shared === noFrames) this.#shared = [bytes];
    else this.#shared.push(bytes);
    this.#sharedBytes += length;
    this.#writer.buffer = nothing;
    this.#writer.length = 0;
  }

  /** The kernel took everything: the buffer is free again. */
  #recycle(): void {
    const { buffer } = this.#writer;
    // A buffer that grew belongs to a busy link: it keeps it, so that it need not grow again.
    if (buffer.length > BLOCK_BYTES && buffer.length <= MAX_KEPT_BYTES) return;
    if (buffer.length === BLOCK_BYTES) this.#scheduler.giveBlock(buffer);
    this.#writer.buffer = nothing;
  }

  #awaitDrain(): void {
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    const socket = this.#socket;
    // `drain` comes only past the high-water mark; an empty write is called back when all before it is out.
    const handleDrain = (): void => {
      // It broke, and the link goes on without it.
      if (this.#isDetached || socket !== this.#socket) return;
      this.#isBlocked = false;
      this.#write();
      if (!this.#isBlocked) this.onDrain?.();
    };
    const { guard } = this.#scheduler;
    socket.write(
      nothing,
      guard.wrap('output drain', handleDrain, (error) => this.fail(error)),
    );
  }
}
