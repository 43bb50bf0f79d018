/** Size of the blocks that bytes are kept in. */
const BLOCK_BYTES = 65_536;

/**
 * Bytes that the kernel has taken and the peer has not confirmed, past which the link ends. A peer confirms every
 * 64 KiB that it reads, so it owes one frame of 32 MiB at most, and what the kernels hold: 64 MiB is more than the
 * usual `tcp_rmem` and `tcp_wmem` allow.
 */
const MAX_RETRANSMIT_BYTES = 96 * 1024 * 1024;

/** Blocks that a link which was busy keeps for later: 1 MiB at each end. */
const MAX_SPARE_BLOCKS = 16;

/**
 * What left over a link and the peer has not said to have: sent again when the link goes on over
 * another socket.
 *
 * Positions count the bytes of the link from its beginning. Bytes are copied, which costs less than
 * keeping the buffers that they were gathered in from being used again.
 */
export class RetransmitBuffer {
  #blocks: Buffer[] = [];
  /** Where in the first block the kept bytes begin. */
  #offset = 0;
  /** Blocks for the next bytes, so that a link in use allots none. */
  readonly #spares: Buffer[] = [];
  #start = 0;
  #end = 0;

  /** Position of the first byte that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Number of bytes kept. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * Finds why the link must end: its peer reads and never confirms, so what is kept would grow without end.
   *
   * @param unsent - bytes of these that the stream still has; their owner bounds them as unread
   */
  findOverflow(unsent: number): Error | undefined {
    const taken = this.length - unsent;
    if (taken <= MAX_RETRANSMIT_BYTES) return undefined;
    const text = `the peer has left ${taken} bytes unconfirmed; allowed: up to ${MAX_RETRANSMIT_BYTES}`;
    return new Error(text);
  }

  /**
   * Begins with bytes that another process has kept; nothing is kept here yet.
   *
   * @param start - position of the first
   */
  restore(start: number, bytes: Buffer): void {
    this.#start = start;
    this.#end = start;
    this.add(bytes);
  }

  /** Keeps a copy of bytes that leave. */
  add(bytes: Buffer): void {
    let done = 0;
    while (done < bytes.length) {
      const used = (this.#offset + this.length) % BLOCK_BYTES;
      if (used === 0) this.#blocks.push(this.#takeBlock());
      const block = this.#blocks[this.#blocks.length - 1] as Buffer;
      const copied = bytes.copy(block, used, done);
      done += copied;
      this.#end += copied;
    }
  }

  /**
   * Forgets what lies before a position; one that was confirmed before changes nothing.
   *
   * @returns false when so much was never sent
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

  /** Copies of everything that is kept, in order. */
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

  #takeBlock(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }
}
