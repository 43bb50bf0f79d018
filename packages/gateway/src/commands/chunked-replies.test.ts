import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { FrameDecoder, type Message, readMessage } from '@gatewayworker/protocol';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ChunkedReplies } from './chunked-replies.ts';

/** An asker in memory, whose kernel takes everything at once, or nothing while it is full. */
class Asker extends Socket {
  readonly got: Message[] = [];
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const finish = (): void => {
      new FrameDecoder((...frame) => {
        const message = readMessage(...frame);
        if (message !== undefined) this.got.push(message);
        return undefined;
      }, Number.POSITIVE_INFINITY).push(chunk);
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }

  /** The kernel has room again. */
  async accept(): Promise<void> {
    this.isFull = false;
    this.#waiting?.();
    await new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
  }

  get types(): string[] {
    return this.got.map(({ type }) => type);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
});

interface Opened {
  readonly asker: Asker;
  readonly answers: ChunkedReplies;
  readonly connection: FrameConnection;
  readonly turn: () => void;
}

function open(): Opened {
  const asker = new Asker();
  const connection = new FrameConnection(asker, new FlushScheduler());
  const answers = new ChunkedReplies(connection);
  connection.output.onDrain = () => answers.resume();
  return { asker, answers, connection, turn: () => vi.runOnlyPendingTimers() };
}

/** A list that takes about so many parts. */
function listOf(parts: number): string[] {
  return Array.from({ length: parts * 4 }, (_, index) => `${index}`.padEnd(65_530, 'x'));
}

test('sends a short answer at once', () => {
  const { asker, answers, turn } = open();
  answers.send(1, ['a', 'b']);
  answers.send(2, []);
  answers.send(3, true);
  turn();
  expect(asker.got).toEqual([
    { type: 'queryAnswer', requestId: 1, answer: ['a', 'b'] },
    { type: 'queryAnswer', requestId: 2, answer: [] },
    { type: 'queryAnswer', requestId: 3, answer: true },
  ]);
});

test('sends a long list in parts, one per turn, and other answers in between', () => {
  const { asker, answers, turn } = open();
  const list = listOf(4);
  answers.send(1, list);
  answers.send(2, 7);
  for (let turns = 1; asker.types.filter((type) => type === 'queryAnswer').length < 2; turns += 1) {
    turn();
    expect(asker.types.filter((type) => type === 'queryPart').length).toBeLessThanOrEqual(turns);
  }
  expect(asker.got[0]).toEqual({ type: 'queryAnswer', requestId: 2, answer: 7 });
  const parts = asker.got.slice(1).map((message) => {
    if (message.type === 'queryPart') return message.part;
    return message.type === 'queryAnswer' ? message.answer : undefined;
  });
  expect(parts).toHaveLength(4);
  expect(parts.flat()).toEqual(list);
});

test('waits while the link is full', async () => {
  const { asker, answers, connection, turn } = open();
  asker.isFull = true;
  answers.send(1, listOf(4));
  for (let turns = 0; turns < 10; turns += 1) turn();
  expect(asker.got).toEqual([]);
  expect(connection.output.pendingBytes).toBeLessThan(2.5 * 1024 * 1024);
  await asker.accept();
  for (let turns = 0; turns < 10; turns += 1) turn();
  expect(asker.types).toEqual(['queryPart', 'queryPart', 'queryPart', 'queryAnswer']);
});

test('begins no further long answer while too much waits for a slow peer', async () => {
  const { asker, answers, turn } = open();
  asker.isFull = true;
  for (let requestId = 1; requestId <= 3; requestId += 1) answers.send(requestId, listOf(96));
  turn();
  expect(() => answers.send(4, listOf(2))).toThrow(
    expect.objectContaining({ code: 'GW_ERR_LINK_FULL' }),
  );
  answers.send(5, 'short');
  await asker.accept();
  for (let turns = 0; turns < 400; turns += 1) turn();
  expect(asker.types.filter((type) => type === 'queryAnswer')).toHaveLength(4);
  answers.send(6, listOf(2));
});

test('fails an answer of which an entry does not fit into a frame, and goes on with others', () => {
  const { asker, answers, turn } = open();
  const huge = Array.from({ length: 600 }, () => 'x'.repeat(65_000));
  answers.send(1, [...listOf(1), huge, ...listOf(2)]);
  answers.send(2, listOf(2));
  for (let turns = 0; turns < 20; turns += 1) turn();
  expect(
    asker.got.map((message) => [message.type, 'requestId' in message && message.requestId]),
  ).toEqual([
    ['queryPart', 1],
    ['queryFailure', 1],
    ['queryPart', 2],
    ['queryAnswer', 2],
  ]);
  expect(asker.got[1]).toMatchObject({ code: 'GW_ERR_FRAME_TOO_LARGE' });
});

test('forgets what waits when the link is down', () => {
  const { asker, answers, turn } = open();
  answers.send(1, listOf(3));
  answers.close();
  answers.resume();
  turn();
  expect(asker.got).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
