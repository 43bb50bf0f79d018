/** Size of the blocks that the bytes are stored in. */
const BLOCK_BYTES = 65_536;

/**
 * Limit of bytes that the kernel has taken and the peer has not confirmed; above it the link ends. A peer confirms
 * every 64 KiB that it reads, so at most one frame of 32 MiB and the bytes in the kernel buffers are unconfirmed. The
 * usual `tcp_rmem` and `tcp_wmem` allow less than 64 MiB for these.
 */
const MAX_RETRANSMIT_BYTES = 96 * 1024 * 1024;

/** Maximum number of unused blocks that a link keeps: 1 MiB at each end. */
const MAX_SPARE_BLOCKS = 16;

/**
 * Bytes that were sent over a link and that the peer has not confirmed. They are retransmitted when the link resumes
 * on another socket.
 *
 * Positions count the bytes of the link since it is resumable. The bytes are copied: to keep the write buffers would
 * cost more, because they could not be reused.
 */
export class RetransmitBuffer {
  #blocks: Buffer[] = [];
  /** Offset of the first kept byte in the first block. */
  #offset = 0;
  /** Unused blocks, so that a busy link allocates none. */
  readonly #spares: Buffer[] = [];
  #start = 0;
  #end = 0;

  /** Position of the first kept byte. */
  get start(): number {
    return this.#start;
  }

  /** Position after the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Number of bytes kept. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * Checks the limit: without it, the bytes for a peer that reads and never confirms would grow without end.
   *
   * @param unsent - number of kept bytes that the stream has not written; the limits of the output apply to them
   * @returns the reason why the link must end
   */
  findOverflow(unsent: number): Error | undefined {
    const taken = this.length - unsent;
    if (taken <= MAX_RETRANSMIT_BYTES) return undefined;
    const text = `the peer has left ${taken} bytes unconfirmed; allowed: up to ${MAX_RETRANSMIT_BYTES}`;
    return new Error(text);
  }

  /**
   * Adds the bytes of another process to this empty buffer.
   *
   * @param start - position of the first byte
   */
  restore(start: number, bytes: Buffer): void {
    this.#start = start;
    this.#end = start;
    this.add(bytes);
  }

  /** Adds a copy of bytes that are sent. */
  add(bytes: Buffer): void {
    let done = 0;
    while (done < bytes.length) {
      const used = (this.#offset + this.length) % BLOCK_BYTES;
      if (used === 0) this.#blocks.push(this.#acquireBlock());
      const block = this.#blocks[this.#blocks.length - 1] as Buffer;
      const copied = bytes.copy(block, used, done);
      done += copied;
      this.#end += copied;
    }
  }

  /**
   * Drops the bytes before a position. A position that was confirmed earlier changes nothing.
   *
   * @returns false when the position is after the last byte
   */
  confirm(position: number): boolean {
    if (position > this.#end) return false;
    if (position <= this.#start) return true;
    this.#offset += position - this.#start;
    this.#start = position;
    const done = Math.floor(this.#offset / BLOCK_BYTES);
    if (this.length === 0) {
      this.#release(this.#blocks.length);
      this.#offset = 0;
    } else if (done > 0) {
      this.#release(done);
      this.#offset %= BLOCK_BYTES;
    }
    return true;
  }

  #release(count: number): void {
    for (const block of this.#blocks.splice(0, count)) {
      if (this.#spares.length < MAX_SPARE_BLOCKS) this.#spares.push(block);
    }
  }

  /** Returns copies of all kept bytes, in order. */
  copy(): Buffer[] {
    let left = this.length;
    let offset = this.#offset;
    return this.#blocks.map((block) => {
      const end = Math.min(BLOCK_BYTES, offset + left);
      const bytes = Buffer.from(block.subarray(offset, end));
      left -= bytes.length;
      offset = 0;
      return bytes;
    });
  }

  #acquireBlock(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }
}
