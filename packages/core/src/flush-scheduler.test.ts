import { expect, onTestFinished, test, vi } from 'vitest';
import { BLOCK_BYTES, type Flushable, FlushScheduler } from './flush-scheduler.ts';
import { Guard } from './guard.ts';
import { createLogger } from './logger.ts';

/** Replaces `setImmediate`: `endTurn` runs the callbacks of this turn. */
function holdTurn(): { readonly endTurn: () => void } {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return { endTurn: () => vi.runOnlyPendingTimers() };
}

/** A target that counts its flushes. */
class Target implements Flushable {
  flushes = 0;
  onFlush: () => void = () => undefined;
  failure: Error | undefined;

  flush(): void {
    this.flushes += 1;
    this.onFlush();
  }

  fail(error: Error): void {
    this.failure = error;
  }
}

test('scheduler: flushes each target once when the turn ends, in order', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const order: number[] = [];
  const targets = [1, 2, 3].map((number) => {
    const target = new Target();
    target.onFlush = () => order.push(number);
    return target;
  });
  for (const target of targets) scheduler.schedule(target);
  expect(order).toEqual([]);
  endTurn();
  expect(order).toEqual([1, 2, 3]);
  endTurn();
  expect(order).toEqual([1, 2, 3]);
});

test('scheduler: many targets share one setImmediate', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  for (let i = 0; i < 100; i++) scheduler.schedule(new Target());
  expect(vi.getTimerCount()).toBe(1);
  endTurn();
  expect(vi.getTimerCount()).toBe(0);
});

test('scheduler: a target scheduled during a flush is flushed in the next turn', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const late = new Target();
  const early = new Target();
  early.onFlush = () => scheduler.schedule(late);
  scheduler.schedule(early);
  endTurn();
  expect([early.flushes, late.flushes]).toEqual([1, 0]);
  endTurn();
  expect([early.flushes, late.flushes]).toEqual([1, 1]);
});

test('scheduler: flushes in each turn', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const target = new Target();
  for (let turn = 1; turn <= 5; turn++) {
    scheduler.schedule(target);
    endTurn();
    expect(target.flushes).toBe(turn);
  }
});

test('scheduler: targets with priority are flushed before all others', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const order: string[] = [];
  for (const [name, isFirst] of [
    ['client', false],
    ['link', true],
  ] as const) {
    const target = new Target();
    target.onFlush = () => order.push(name);
    if (isFirst) scheduler.schedulePriority(target);
    else scheduler.schedule(target);
  }
  endTurn();
  expect(order).toEqual(['link', 'client']);
});

/** A broadcast to 2,000 targets. Each flush advances the clock of the scheduler by 25 µs. */
function startBroadcast(): {
  readonly scheduler: FlushScheduler;
  readonly receivers: readonly Target[];
  readonly now: () => number;
} {
  let time = 0;
  const now = (): number => time;
  const scheduler = new FlushScheduler(undefined, now);
  const receivers = Array.from({ length: 2000 }, () => new Target());
  for (const receiver of receivers) {
    receiver.onFlush = () => {
      time += 0.025;
    };
    scheduler.schedule(receiver);
  }
  return { scheduler, receivers, now };
}

test('scheduler: a broadcast is spread over turns and does not delay later targets', () => {
  const { endTurn } = holdTurn();
  const { scheduler, receivers, now } = startBroadcast();
  const done = (): number => receivers.filter(({ flushes }) => flushes === 1).length;
  endTurn();
  const inOneTurn = done();
  expect(now()).toBeGreaterThanOrEqual(8);
  expect(now()).toBeLessThan(9);
  const late = new Target();
  scheduler.schedule(late);
  endTurn();
  expect(late.flushes).toBe(1);
  expect(done()).toBeGreaterThan(1.9 * inOneTurn);
  expect(now()).toBeLessThan(18);
  for (let turn = 0; turn <= 2000 / inOneTurn; turn += 1) endTurn();
  expect(done()).toBe(2000);
  expect(vi.getTimerCount()).toBe(0);
  expect(receivers.every(({ flushes }) => flushes === 1)).toBe(true);
});

test('scheduler: a reply in the turn of a broadcast does not wait for all of it', () => {
  const { endTurn } = holdTurn();
  const { scheduler, receivers } = startBroadcast();
  const answered = new Target();
  scheduler.schedule(answered);
  endTurn();
  endTurn();
  expect(answered.flushes).toBe(1);
  for (let turn = 0; turn < 10; turn += 1) endTurn();
  expect(receivers.every(({ flushes }) => flushes === 1)).toBe(true);
  expect([answered.flushes, vi.getTimerCount()]).toEqual([1, 0]);
});

const a = Buffer.from('a');
const b = Buffer.from('bb');
const c = Buffer.from('c');

test('join: keeps the order of frames', () => {
  expect(new FlushScheduler().join([a, b, c], 4).toString()).toBe('abbc');
});

test('join: the same frames give the same buffer', () => {
  const scheduler = new FlushScheduler();
  const joined = scheduler.join([a, b], 3);
  expect(scheduler.join([a, b], 3)).toBe(joined);
});

test.each([
  ['more frames', [a, b, c], 'abbc'],
  ['fewer frames', [a], 'a'],
  ['another order', [b, a], 'bba'],
  ['another frame of the same bytes', [Buffer.from('a'), b], 'abb'],
])('join: returns a new buffer for %s', (_what, frames, expected) => {
  const scheduler = new FlushScheduler();
  const joined = scheduler.join([a, b], 3);
  const byteLength = frames.reduce((sum, frame) => sum + frame.length, 0);
  const other = scheduler.join(frames, byteLength);
  expect(other.toString()).toBe(expected);
  expect(other).not.toBe(joined);
});

test('join: the buffer is not kept after the turn', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const joined = scheduler.join([a, b], 3);
  scheduler.schedule(new Target());
  endTurn();
  expect(scheduler.join([a, b], 3)).not.toBe(joined);
});

test('blocks: a block is lent to one writer at a time', () => {
  const scheduler = new FlushScheduler();
  const first = scheduler.acquireBlock();
  const second = scheduler.acquireBlock();
  expect(first).toHaveLength(BLOCK_BYTES);
  expect(second).not.toBe(first);
  expect(second.buffer).not.toBe(first.buffer);
  scheduler.releaseBlock(first);
  expect(scheduler.acquireBlock()).toBe(first);
  expect(scheduler.acquireBlock()).not.toBe(first);
});

test('blocks: the number of unused blocks is bounded', () => {
  const scheduler = new FlushScheduler();
  const blocks = Array.from({ length: 1500 }, () => Buffer.alloc(1));
  for (const block of blocks) scheduler.releaseBlock(block);
  const kept = blocks.map(() => scheduler.acquireBlock()).filter((block) => block.length === 1);
  expect(kept).toHaveLength(1024);
});

test('scheduler: a target that throws is ended, all others are flushed', () => {
  const { endTurn } = holdTurn();
  let now = 0;
  const guard = new Guard(createLogger({ level: 'silent' }));
  const scheduler = new FlushScheduler(guard, () => now);
  const targets = Array.from({ length: 100 }, () => new Target());
  for (const [index, target] of targets.entries()) {
    target.onFlush = () => {
      // So slow that most targets are flushed in later turns.
      now += 1;
      if (index % 10 === 0) throw new Error(`target ${index}`);
    };
    if (index < 20) scheduler.schedulePriority(target);
    else scheduler.schedule(target);
  }
  for (let turn = 0; turn < 20; turn += 1) endTurn();
  expect(targets.map(({ flushes }) => flushes)).toEqual(targets.map(() => 1));
  const failed = targets.filter(({ failure }) => failure !== undefined);
  expect(failed.map(({ failure }) => failure?.message)).toEqual(
    Array.from({ length: 10 }, (_, index) => `target ${index * 10}`),
  );
  expect(guard.caught).toBe(10);
});

test('scheduler: flushes delayed targets together, in the fourth turn', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const targets = [new Target(), new Target()];
  for (const target of targets) {
    scheduler.scheduleDelayed(target);
    scheduler.scheduleDelayed(target);
    endTurn();
  }
  endTurn();
  expect(targets.map(({ flushes }) => flushes)).toEqual([0, 0]);
  endTurn();
  expect(targets.map(({ flushes }) => flushes)).toEqual([1, 1]);
  endTurn();
  expect(targets.map(({ flushes }) => flushes)).toEqual([1, 1]);
});

test('scheduler: a target that is delayed during the flush of the delayed is flushed', () => {
  const { endTurn } = holdTurn();
  const scheduler = new FlushScheduler();
  const [first, second] = [new Target(), new Target()];
  second.onFlush = () => {
    if (second.flushes === 1) scheduler.scheduleDelayed(first);
  };
  scheduler.scheduleDelayed(first);
  scheduler.scheduleDelayed(second);
  for (let turn = 0; turn < 8; turn += 1) endTurn();
  expect([first.flushes, second.flushes]).toEqual([2, 1]);
});
