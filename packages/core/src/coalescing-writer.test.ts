import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CoalescingWriter } from './coalescing-writer.ts';
import { FlushScheduler } from './flush-scheduler.ts';

/** A stream in memory. Its kernel takes all bytes at once, or, while `isFull`, none until `accept`. */
class MemoryStream extends Duplex {
  /** Bytes of each write; a `writev` is one write. */
  readonly writes: Buffer[] = [];
  /** The written buffers themselves, to compare their identity. */
  readonly chunks: Buffer[] = [];
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(items: { readonly chunk: Buffer }[], done: () => void): void {
    this.#take(
      items.map(({ chunk }) => chunk),
      done,
    );
  }

  /** Lets the kernel take one write. */
  acceptOne(): void {
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  /** Lets the kernel take all writes. */
  async accept(): Promise<void> {
    this.isFull = false;
    this.acceptOne();
    await settled();
  }

  get text(): string {
    return Buffer.concat(this.writes).toString();
  }

  #take(chunks: Buffer[], done: () => void): void {
    // The bytes are read when the write is done, so that a buffer that was reused too early is detected.
    const finish = (): void => {
      this.chunks.push(...chunks);
      this.writes.push(Buffer.concat(chunks));
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }
}

/** Resolves after the callbacks of streams, which run in `process.nextTick`. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
}

function endTurn(): void {
  vi.runOnlyPendingTimers();
}

function create(scheduler = new FlushScheduler()): {
  readonly stream: MemoryStream;
  readonly output: CoalescingWriter;
} {
  const stream = new MemoryStream({ highWaterMark: 16_384 });
  return { stream, output: new CoalescingWriter(stream, scheduler, { fail: () => undefined }) };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('writer: appends and writes in place of a turn leave in one write', () => {
  const { stream, output } = create();
  output.writer().writeUtf8('a');
  output.append(Buffer.from('b'));
  output.append(Buffer.from('c'));
  output.writer().writeUtf8('d');
  output.writer().writeUtf8('e');
  expect(stream.writes).toEqual([]);
  endTurn();
  expect(stream.writes.map(String)).toEqual(['abcde']);
});

test('writer: only writes in place, or only appends, leave in one write', () => {
  const { stream, output } = create();
  for (let i = 0; i < 100; i++) output.writer().writeUtf8('x');
  endTurn();
  for (let i = 0; i < 100; i++) output.append(Buffer.from('y'));
  endTurn();
  expect(stream.writes.map(String)).toEqual(['x'.repeat(100), 'y'.repeat(100)]);
});

test('writer: delayed bytes leave with later bytes, or after four turns', () => {
  const { stream, output } = create();
  output.delayedWriter().writeUtf8('a');
  endTurn();
  expect(stream.writes).toEqual([]);
  output.writer().writeUtf8('b');
  endTurn();
  expect(stream.writes.map(String)).toEqual(['ab']);
  for (let turn = 0; turn < 4; turn += 1) endTurn();
  output.delayedWriter().writeUtf8('c');
  for (let turn = 0; turn < 4; turn += 1) endTurn();
  expect(stream.writes.map(String)).toEqual(['ab', 'c']);
});

test('writer: a turn without queued bytes writes nothing', () => {
  const { stream, output } = create();
  output.schedule();
  endTurn();
  output.flush();
  output.flushNow();
  expect(stream.writes).toEqual([]);
});

test('writer: a single shared buffer is written without a copy', () => {
  const { stream, output } = create();
  const frame = Buffer.from('frame');
  output.append(frame);
  endTurn();
  expect(stream.chunks[0]).toBe(frame);
});

test('writer: large frames are written without a copy, in one writev', () => {
  const { stream, output } = create();
  const frames = [Buffer.alloc(50_000, 'a'), Buffer.alloc(50_000, 'b')];
  for (const frame of frames) output.append(frame);
  endTurn();
  expect(stream.writes).toHaveLength(1);
  expect(stream.chunks[0]).toBe(frames[0]);
  expect(stream.chunks[1]).toBe(frames[1]);
});

test('writer: members of a broadcast share one joined buffer', () => {
  const scheduler = new FlushScheduler();
  const members = [create(scheduler), create(scheduler), create(scheduler)];
  const frames = [Buffer.from('one'), Buffer.from('two')];
  for (const frame of frames) for (const { output } of members) output.append(frame);
  endTurn();
  const chunks = members.map(({ stream }) => stream.chunks[0]);
  expect(String(chunks[0])).toBe('onetwo');
  expect(chunks.every((chunk) => chunk === chunks[0])).toBe(true);
});

test('writer: a member with a frame of its own gets its own buffer', () => {
  const scheduler = new FlushScheduler();
  const [first, second] = [create(scheduler), create(scheduler)];
  const frames = [Buffer.from('one'), Buffer.from('two')];
  for (const { output } of [first, second]) for (const frame of frames) output.append(frame);
  second.output.writer().writeUtf8('!');
  endTurn();
  expect([first.stream.text, second.stream.text]).toEqual(['onetwo', 'onetwo!']);
});

test('writer: a block is reused only after the kernel has taken its bytes', async () => {
  const scheduler = new FlushScheduler();
  const [slow, fast] = [create(scheduler), create(scheduler)];
  slow.stream.isFull = true;
  slow.output.writer().writeUtf8('slow');
  endTurn();
  for (let turn = 0; turn < 3; turn++) {
    fast.output.writer().writeUtf8('fast');
    endTurn();
  }
  await slow.stream.accept();
  expect(slow.stream.text).toBe('slow');
  expect(fast.stream.text).toBe('fastfastfast');
});

test('writer: bytes queued while the kernel is full leave in order when it has room', async () => {
  const { stream, output } = create();
  stream.isFull = true;
  output.append(Buffer.from('1'));
  endTurn();
  expect(output.isBlocked).toBe(true);
  for (const text of ['2', '3', '4']) {
    output.append(Buffer.from(text));
    output.writer().writeUtf8(text);
    endTurn();
  }
  expect(stream.writes).toEqual([]);
  await stream.accept();
  expect(stream.text).toBe('1223344');
  expect(stream.writes.filter((write) => write.length > 0)).toHaveLength(2);
  expect(output.isBlocked).toBe(false);
  expect(output.pendingBytes).toBe(0);
});

test('writer: onDrain is called only when a full kernel has room again', async () => {
  const { stream, output } = create();
  let drains = 0;
  output.onDrain = () => {
    drains += 1;
  };
  output.append(Buffer.from('x'));
  endTurn();
  await settled();
  expect(drains).toBe(0);
  stream.isFull = true;
  output.append(Buffer.from('y'));
  endTurn();
  output.append(Buffer.from('z'));
  endTurn();
  await settled();
  expect(drains).toBe(0);
  await stream.accept();
  expect(drains).toBe(1);
});

test('writer: onDrain is not called while the next write fills the kernel again', async () => {
  const { stream, output } = create();
  let drains = 0;
  output.onDrain = () => {
    drains += 1;
  };
  stream.isFull = true;
  output.append(Buffer.from('1'));
  endTurn();
  output.append(Buffer.from('2'));
  endTurn();
  stream.acceptOne();
  await settled();
  stream.acceptOne();
  await settled();
  expect([drains, output.isBlocked]).toEqual([0, true]);
  await stream.accept();
  expect([drains, output.isBlocked, stream.text]).toEqual([1, false, '12']);
});

test('writer: pendingBytes counts exactly the bytes that the kernel has not taken', async () => {
  const { stream, output } = create();
  expect(output.pendingBytes).toBe(0);
  output.writer().writeUtf8('12345');
  output.append(Buffer.from('678'));
  output.writer().writeU16(0);
  expect(output.pendingBytes).toBe(10);
  stream.isFull = true;
  endTurn();
  expect(output.pendingBytes).toBe(10);
  output.append(Buffer.alloc(7));
  output.writer().writeU8(0);
  expect(output.pendingBytes).toBe(18);
  endTurn();
  expect(output.pendingBytes).toBe(18);
  await stream.accept();
  expect(output.pendingBytes).toBe(0);
});

test('writer: random writes and full kernels lose no byte and keep the order', async () => {
  const step = fc.constantFrom('own', 'shared', 'large', 'turn', 'flush', 'now', 'full', 'accept');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { stream, output } = create();
      let queued = 0;
      let expected = '';
      for (const what of steps) {
        queued += 1;
        const text = what === 'large' ? `<${queued}>`.repeat(20_000) : `<${queued}>`;
        if (what === 'own') output.writer().writeUtf8(text);
        else if (what === 'shared' || what === 'large') output.append(Buffer.from(text));
        else if (what === 'turn') endTurn();
        else if (what === 'flush') output.flush();
        else if (what === 'now') output.flushNow();
        else if (what === 'full') stream.isFull = true;
        else await stream.accept();
        if (what === 'own' || what === 'shared' || what === 'large') expected += text;
        const taken = stream.writes.reduce((sum, write) => sum + write.length, 0);
        expect(output.pendingBytes).toBe(expected.length - taken);
      }
      endTurn();
      await stream.accept();
      await stream.accept();
      expect(stream.text === expected).toBe(true);
      expect(output.pendingBytes).toBe(0);
      expect(output.isBlocked).toBe(false);
    }),
  );
});

test('writer: flushNow writes although the kernel is full', async () => {
  const { stream, output } = create();
  stream.isFull = true;
  output.append(Buffer.from('1'));
  endTurn();
  output.writer().writeUtf8('2');
  output.flushNow();
  stream.write('3');
  await stream.accept();
  expect(stream.text).toBe('123');
});

test('writer: bytes queued by beforeFlush leave in the same write', () => {
  const { stream, output } = create();
  output.beforeFlush = () => output.writer().writeUtf8(' and more');
  output.append(Buffer.from('some'));
  endTurn();
  expect(stream.writes.map(String)).toEqual(['some and more']);
  output.beforeFlush = undefined;
  endTurn();
  expect(stream.writes).toHaveLength(1);
});

test('writer: discard drops queued bytes and keeps later ones', async () => {
  const { stream, output } = create();
  output.append(Buffer.from('a'));
  output.writer().writeUtf8('b');
  output.discard();
  expect(output.pendingBytes).toBe(0);
  output.writer().writeUtf8('c');
  endTurn();
  await settled();
  expect(stream.text).toBe('c');
});

test('writer: discard keeps the bytes that the stream already has', async () => {
  const { stream, output } = create();
  stream.isFull = true;
  output.append(Buffer.from('a'));
  endTurn();
  output.append(Buffer.from('b'));
  output.discard();
  expect(output.pendingBytes).toBe(1);
  await stream.accept();
  expect(stream.text).toBe('a');
});

test('writer: bytes for a stream that has ended are dropped without an exception', () => {
  const { stream, output } = create();
  stream.end();
  output.append(Buffer.from('late'));
  output.writer().writeUtf8('later');
  endTurn();
  expect(output.pendingBytes).toBe(0);
  expect(stream.text).toBe('');
});

test('writer: a large buffer is not kept after the kernel has taken it', () => {
  const { stream, output } = create();
  output.writer().writeBytes(Buffer.alloc(1_000_000));
  endTurn();
  expect(stream.text).toHaveLength(1_000_000);
  expect(output.writer().buffer.length).toBeLessThan(10_000);
});

test('writer: bytes over 128 KiB leave before the turn ends, in order', async () => {
  const { stream, output } = create();
  const frame = (n: number) => Buffer.alloc(4096, n);
  for (let n = 0; n < 80; n++) output.writer().writeBytes(frame(n));
  expect(stream.writes.length).toBe(2);
  endTurn();
  await settled();
  const expected = Buffer.concat(Array.from({ length: 80 }, (_, n) => frame(n)));
  expect(Buffer.concat(stream.writes).equals(expected)).toBe(true);
  expect(output.pendingBytes).toBe(0);
});

test('writer: bytes over 128 KiB wait for a full kernel, counted and in order', async () => {
  const { stream, output } = create();
  stream.isFull = true;
  output.writer().writeBytes(Buffer.alloc(10, 0xee));
  endTurn();
  const frame = (n: number) => Buffer.alloc(4096, n);
  for (let n = 0; n < 80; n++) output.writer().writeBytes(frame(n));
  expect(output.pendingBytes).toBe(10 + 80 * 4096);
  endTurn();
  expect(stream.writes).toEqual([]);
  await stream.accept();
  await settled();
  const expected = Buffer.concat([
    Buffer.alloc(10, 0xee),
    ...Array.from({ length: 80 }, (_, n) => frame(n)),
  ]);
  expect(Buffer.concat(stream.writes).equals(expected)).toBe(true);
  expect(output.pendingBytes).toBe(0);
});
