/** Something whose queued bytes are written once per turn of the event loop. */
export interface Flushable {
  /** Writes what is queued. Called once for each time it was scheduled. */
  flush(): void;
}

/** Size of the buffers that small writers borrow. */
export const BLOCK_BYTES = 4096;

/** Blocks kept for later: 4 MiB. */
const MAX_SPARE_BLOCKS = 1024;

/**
 * Gathers writes: whatever is queued within one turn of the event loop leaves in one write per socket.
 *
 * A turn's reads are all handled in libuv's poll phase; `setImmediate` runs right after it, so the
 * first message of a turn waits for no timer, and two hundred sockets that were readable together
 * cost one write to the worker instead of two hundred. One scheduler serves all sockets of a process.
 */
export class FlushScheduler {
  #scheduled: Flushable[] = [];
  /** The list flushed last, emptied: used for the next turn, so that no turn allots one. */
  #spare: Flushable[] = [];
  #lastJoinedFrom: readonly Buffer[] = [];
  #lastJoined: Buffer | undefined;
  readonly #spareBlocks: Buffer[] = [];
  readonly #run = (): void => this.#flushAll();

  /** Flushes the target at the end of this turn. Call it once per turn and target. */
  schedule(target: Flushable): void {
    if (this.#scheduled.push(target) === 1) setImmediate(this.#run);
  }

  /**
   * Joins frames that leave together into one buffer.
   *
   * Members of a group mostly get the same frames in the same order within a turn: the joined bytes
   * of one are then written to the next as they are. With 20 senders in a group of 200 this joins
   * once instead of 200 times.
   */
  join(frames: readonly Buffer[], byteLength: number): Buffer {
    if (this.#lastJoined !== undefined && isSameList(frames, this.#lastJoinedFrom)) {
      return this.#lastJoined;
    }
    this.#lastJoined = Buffer.concat(frames, byteLength);
    this.#lastJoinedFrom = frames;
    return this.#lastJoined;
  }

  /** Lends a block of `BLOCK_BYTES`: only sockets that have something to send hold one. */
  takeBlock(): Buffer {
    return this.#spareBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Takes a block back. */
  giveBlock(block: Buffer): void {
    if (this.#spareBlocks.length < MAX_SPARE_BLOCKS) this.#spareBlocks.push(block);
  }

  #flushAll(): void {
    const targets = this.#scheduled;
    this.#scheduled = this.#spare;
    // Not `for of`: this loop runs for every client of every turn.
    for (let i = 0; i < targets.length; i++) targets[i]?.flush();
    targets.length = 0;
    this.#spare = targets;
    this.#lastJoined = undefined;
    this.#lastJoinedFrom = [];
  }
}

function isSameList(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
