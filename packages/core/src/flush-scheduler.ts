import { Guard, type Guarded } from './guard.ts';

/** A socket whose queued bytes are written once per turn of the event loop. */
export interface Flushable extends Guarded {
  /** Writes the queued bytes. Called once for each time it was scheduled. */
  flush(): void;
}

/** Size of the buffers that the scheduler lends to writers. */
export const BLOCK_BYTES = 4096;

/**
 * Time spent on client sockets in one turn, in milliseconds. A broadcast to 10,000 clients in a single turn would
 * block the event loop for 50 ms, and for 250 ms on a slow machine.
 */
const TURN_BUDGET_MS = 8;

/** Sockets flushed between two reads of the clock. */
const FLUSHES_PER_CLOCK_CHECK = 16;

/**
 * Turns for which `scheduleDelayed` waits. While many clients connect, libuv accepts one in each turn, so that without a
 * wait each client costs a write to its worker.
 */
const DELAY_TURNS = 4;

/** Maximum number of unused blocks that are kept: 4 MiB. */
const MAX_SPARE_BLOCKS = 1024;

/**
 * Coalesces writes: all bytes that are queued for a socket within one turn of the event loop leave in one write.
 *
 * Node.js handles all reads of a turn in the poll phase, and runs `setImmediate` right after it. So no message waits
 * for a timer, and if 200 client sockets are readable in a turn, the worker gets one write instead of 200. One
 * scheduler serves all sockets of a process.
 *
 * Sockets for which a turn has no time left are flushed in the next turns, after the sockets scheduled there. So a
 * client that gets a reply does not wait for the end of a broadcast.
 */
export class FlushScheduler {
  #priority: Flushable[] = [];
  #scheduled: Flushable[] = [];
  /** The emptied lists of the last flush, reused so that a turn allocates no list. */
  #sparePriority: Flushable[] = [];
  #spare: Flushable[] = [];
  /** Targets that earlier turns had no time for, from `#backlogStart` on. */
  readonly #backlog: Flushable[] = [];
  #backlogStart = 0;
  readonly #delayed = new Set<Flushable>();
  #delayTurnsLeft = 0;
  #isFlushScheduled = false;
  readonly #now: () => number;
  /** Flushes a target. If it throws, the target ends and the others are still flushed. */
  readonly #flush: (target: Flushable) => void;
  #lastJoinedFrom: readonly Buffer[] = [];
  #lastJoined: Buffer | undefined;
  readonly #spareBlocks: Buffer[] = [];
  readonly #run = (): void => this.#flushAll();

  /** The guard of the process, for all owners of sockets. */
  readonly guard: Guard;

  /** @param now - returns the time in milliseconds */
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
    if (!this.#isFlushScheduled) this.#scheduleFlush();
  }

  /** As `schedule`, but before all targets of `schedule`, and always in this turn. */
  schedulePriority(target: Flushable): void {
    this.#priority.push(target);
    if (!this.#isFlushScheduled) this.#scheduleFlush();
  }

  /** Flushes the target within 4 turns, unless it is flushed before. */
  scheduleDelayed(target: Flushable): void {
    if (this.#delayed.size === 0) this.#delayTurnsLeft = DELAY_TURNS;
    this.#delayed.add(target);
    if (!this.#isFlushScheduled) this.#scheduleFlush();
  }

  /**
   * Joins frames that are written together into one buffer.
   *
   * Members of a group usually get the same frames in the same order within a turn, so the joined bytes of one
   * member are reused for the next one. With 20 senders in a group of 200, this joins once instead of 200 times.
   */
  join(frames: readonly Buffer[], byteLength: number): Buffer {
    if (this.#lastJoined !== undefined && isSameList(frames, this.#lastJoinedFrom)) {
      return this.#lastJoined;
    }
    this.#lastJoined = Buffer.concat(frames, byteLength);
    this.#lastJoinedFrom = frames;
    return this.#lastJoined;
  }

  /** Lends a block of `BLOCK_BYTES`. Only a socket with queued bytes holds one. */
  acquireBlock(): Buffer {
    return this.#spareBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Takes back a block. */
  releaseBlock(block: Buffer): void {
    if (this.#spareBlocks.length < MAX_SPARE_BLOCKS) this.#spareBlocks.push(block);
  }

  #scheduleFlush(): void {
    this.#isFlushScheduled = true;
    setImmediate(this.#run);
  }

  #flushAll(): void {
    this.#isFlushScheduled = false;
    const first = this.#priority;
    this.#priority = this.#sparePriority;
    // Not `for of`, which is slower: these loops run for every client in every turn.
    for (let i = 0; i < first.length; i++) this.#flush(first[i] as Flushable);
    first.length = 0;
    this.#sparePriority = first;
    if (this.#delayed.size > 0) this.#flushDelayed();
    const targets = this.#scheduled;
    this.#scheduled = this.#spare;
    const deadline = this.#now() + TURN_BUDGET_MS;
    const end = this.#flushUntil(deadline, targets, 0);
    this.#flushBacklog(deadline);
    for (let i = end; i < targets.length; i++) this.#backlog.push(targets[i] as Flushable);
    targets.length = 0;
    this.#spare = targets;
    if (this.#backlog.length > 0) {
      if (!this.#isFlushScheduled) this.#scheduleFlush();
      return;
    }
    this.#lastJoined = undefined;
    this.#lastJoinedFrom = [];
  }

  #flushDelayed(): void {
    this.#delayTurnsLeft -= 1;
    if (this.#delayTurnsLeft > 0) {
      if (!this.#isFlushScheduled) this.#scheduleFlush();
      return;
    }
    // Emptied first: a flush that fails may delay other targets.
    const targets = [...this.#delayed];
    this.#delayed.clear();
    for (const target of targets) this.#flush(target);
  }

  /** Flushes targets until the deadline, always at least one. Returns the index at which it stopped. */
  #flushUntil(deadline: number, targets: readonly Flushable[], start: number): number {
    let i = start;
    while (i < targets.length) {
      this.#flush(targets[i] as Flushable);
      i += 1;
      if (i % FLUSHES_PER_CLOCK_CHECK === 0 && this.#now() >= deadline) break;
    }
    return i;
  }

  /**
   * Flushes targets that earlier turns had no time for: some of the newest, then the oldest. A client that got a reply
   * in the same turn as a broadcast is at the end of the list. In the order of the list it would wait for the whole
   * broadcast: 260 ms with 10,000 receivers.
   */
  #flushBacklog(deadline: number): void {
    const backlog = this.#backlog;
    if (backlog.length === 0) return;
    for (let i = 0; i < FLUSHES_PER_CLOCK_CHECK && backlog.length > this.#backlogStart; i++) {
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
