import { Guard, type Guarded } from './guard.ts';

/** Something whose queued bytes are written once per turn of the event loop. */
export interface Flushable extends Guarded {
  /** Writes what is queued. Called once for each time it was scheduled. */
  flush(): void;
}

/** Size of the buffers that small writers borrow. */
export const BLOCK_BYTES = 4096;

/**
 * Time for the sockets of clients in one turn, in milliseconds. A broadcast to 10,000 clients in one turn
 * would hold up for 50 ms, and on a slow machine for 250, whatever else there is to do.
 */
const TURN_MS = 8;

/** Sockets flushed between two looks at the clock. */
const FLUSHES_PER_LOOK = 16;

/** Blocks kept for later: 4 MiB. */
const MAX_SPARE_BLOCKS = 1024;

/**
 * Gathers writes: whatever is queued within one turn of the event loop leaves in one write per socket.
 *
 * A turn's reads are all handled in libuv's poll phase; `setImmediate` runs right after it, so the
 * first message of a turn waits for no timer, and two hundred sockets that were readable together
 * cost one write to the worker instead of two hundred. One scheduler serves all sockets of a process.
 *
 * Where more sockets are due than a turn has time for, the rest follows in the next turns, behind what
 * is due there: so whoever has just said something does not wait for the end of a broadcast.
 */
export class FlushScheduler {
  #first: Flushable[] = [];
  #scheduled: Flushable[] = [];
  /** The lists flushed last, emptied: used for the next turn, so that no turn allots one. */
  #spareFirst: Flushable[] = [];
  #spare: Flushable[] = [];
  /** What turns before had no time for, from `#backlogStart` on. */
  readonly #backlog: Flushable[] = [];
  #backlogStart = 0;
  #isTurnDue = false;
  readonly #now: () => number;
  /** Ends a target that throws; the others are flushed all the same. */
  readonly #flush: (target: Flushable) => void;
  #lastJoinedFrom: readonly Buffer[] = [];
  #lastJoined: Buffer | undefined;
  readonly #spareBlocks: Buffer[] = [];
  readonly #run = (): void => this.#flushAll();

  /** The guard of the process, for everything that owns sockets. */
  readonly guard: Guard;

  /** @param now - answers the time in milliseconds */
  constructor(guard: Guard = new Guard(), now: () => number = () => performance.now()) {
    this.guard = guard;
    this.#now = now;
    this.#flush = guard.wrap(
      'output flush',
      (target: Flushable) => target.flush(),
      (error, target) => target.fail(error),
    );
  }

  /** Flushes the target at the end of this turn. Call it once per turn and target. */
  schedule(target: Flushable): void {
    this.#scheduled.push(target);
    if (!this.#isTurnDue) this.#awaitTurn();
  }

  /** The same, before all that were scheduled otherwise, and always in this turn. */
  scheduleFirst(target: Flushable): void {
    this.#first.push(target);
    if (!this.#isTurnDue) this.#awaitTurn();
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

  #awaitTurn(): void {
    this.#isTurnDue = true;
    setImmediate(this.#run);
  }

  #flushAll(): void {
    this.#isTurnDue = false;
    const first = this.#first;
    this.#first = this.#spareFirst;
    // Not `for of`: these loops run for every client of every turn.
    for (let i = 0; i < first.length; i++) this.#flush(first[i] as Flushable);
    first.length = 0;
    this.#spareFirst = first;
    const targets = this.#scheduled;
    this.#scheduled = this.#spare;
    const deadline = this.#now() + TURN_MS;
    const end = this.#flushUntil(deadline, targets, 0);
    this.#flushBacklog(deadline);
    for (let i = end; i < targets.length; i++) this.#backlog.push(targets[i] as Flushable);
    targets.length = 0;
    this.#spare = targets;
    if (this.#backlog.length > 0) {
      if (!this.#isTurnDue) this.#awaitTurn();
      return;
    }
    this.#lastJoined = undefined;
    this.#lastJoinedFrom = [];
  }

  /** Flushes some at least, and as many as there is time for; answers where it stopped. */
  #flushUntil(deadline: number, targets: readonly Flushable[], start: number): number {
    let i = start;
    while (i < targets.length) {
      this.#flush(targets[i] as Flushable);
      i += 1;
      if (i % FLUSHES_PER_LOOK === 0 && this.#now() >= deadline) break;
    }
    return i;
  }

  /**
   * Flushes what turns before had no time for: some of the newest, then the oldest. Whoever was answered in
   * the turn of a broadcast, but behind it, stands at the end, and would wait for all of it: 260 ms of 10,000
   * receivers.
   */
  #flushBacklog(deadline: number): void {
    const backlog = this.#backlog;
    if (backlog.length === 0) return;
    for (let i = 0; i < FLUSHES_PER_LOOK && backlog.length > this.#backlogStart; i++) {
      this.#flush(backlog.pop() as Flushable);
    }
    const end = this.#flushUntil(deadline, backlog, this.#backlogStart);
    this.#backlogStart = end;
    if (end < backlog.length) return;
    backlog.length = 0;
    this.#backlogStart = 0;
  }
}

function isSameList(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
