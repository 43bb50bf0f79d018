import type { Duplex } from 'node:stream';
import { ByteWriter } from '@gatewayworker/protocol';
import { BLOCK_BYTES, type Flushable, type FlushScheduler } from './flush-scheduler.ts';

/** Frames up to this many bytes in all are joined into one buffer; larger ones leave by `writev`. */
const MAX_JOINED_BYTES = 65_536;

/** A buffer up to this size is kept for the next turn; a larger one is left to the collector. */
const MAX_KEPT_BYTES = 262_144;

const nothing = Buffer.alloc(0);

/**
 * The sending side of one socket, client socket and inner link alike.
 *
 * Bytes are queued in two ways, in any order: written into `writer()` in place, or shared with other
 * sockets by `append()`. At the end of the turn they leave in one write. While the kernel takes no
 * more, they stay here, where `pendingBytes` counts them exactly; the owner enforces its limit.
 */
export class GatheredSocket implements Flushable {
  /** Called before queued bytes leave; may queue more. */
  beforeFlush: (() => void) | undefined;
  /** Called when everything that was queued has been handed to the kernel after it had been full. */
  onDrain: (() => void) | undefined;
  readonly #socket: Duplex;
  readonly #scheduler: FlushScheduler;
  readonly #writer = new ByteWriter();
  #shared: Buffer[] = [];
  #sharedBytes = 0;
  #isScheduled = false;
  #isBlocked = false;

  constructor(socket: Duplex, scheduler: FlushScheduler) {
    this.#socket = socket;
    this.#scheduler = scheduler;
  }

  /** Bytes that were queued and that the kernel has not taken. */
  get pendingBytes(): number {
    return this.#writer.length + this.#sharedBytes + this.#socket.writableLength;
  }

  /** True while the kernel takes no more. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The writer to put bytes into at once; it is not to be kept. They leave at the end of this turn. */
  writer(): ByteWriter {
    const writer = this.#writer;
    if (writer.buffer.length === 0) writer.buffer = this.#scheduler.takeBlock();
    this.schedule();
    return writer;
  }

  /** Queues bytes that may be shared with other sockets and never change. They leave at the end of this turn. */
  append(bytes: Buffer): void {
    if (this.#writer.length > 0) this.#seal();
    this.#shared.push(bytes);
    this.#sharedBytes += bytes.length;
    this.schedule();
  }

  /** Has `flush` called at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#scheduler.schedule(this);
  }

  /** Writes what is queued, unless the kernel is full: then when it has room. */
  flush(): void {
    this.beforeFlush?.();
    this.#isScheduled = false;
    if (!this.#isBlocked) this.#write();
  }

  /** Hands what is queued to the stream at once, full or not: before somebody else writes to it. */
  flushNow(): void {
    this.beforeFlush?.();
    this.#write();
  }

  /** Drops what is queued here; what the stream already has goes on. */
  discard(): void {
    this.#shared = [];
    this.#sharedBytes = 0;
    this.#writer.length = 0;
    this.#recycle();
  }

  #write(): void {
    const { length, buffer } = this.#writer;
    const socket = this.#socket;
    if (length === 0 && this.#sharedBytes === 0) return;
    if (!socket.writable) {
      this.discard();
      return;
    }
    if (this.#sharedBytes === 0) socket.write(buffer.subarray(0, length));
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
      socket.write(frames[0]);
    } else if (byteLength <= MAX_JOINED_BYTES) {
      socket.write(this.#scheduler.join(frames, byteLength));
    } else {
      socket.cork();
      for (const frame of frames) socket.write(frame);
      socket.uncork();
    }
    // A new list: the scheduler may still compare with this one.
    this.#shared = [];
    this.#sharedBytes = 0;
  }

  /** Puts what is in the writer behind the shared bytes, so that order holds. */
  #seal(): void {
    const { buffer, length } = this.#writer;
    this.#shared.push(buffer.subarray(0, length));
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
    // `drain` comes only past the high-water mark; an empty write is called back when all before it is out.
    this.#socket.write(nothing, () => {
      this.#isBlocked = false;
      this.#write();
      if (!this.#isBlocked) this.onDrain?.();
    });
  }
}
