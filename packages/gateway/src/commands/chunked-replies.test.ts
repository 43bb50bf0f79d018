import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { FrameDecoder, type Message, readMessage } from '@gatewayworker/protocol';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ChunkedReplies } from './chunked-replies.ts';

/** The socket of a peer in memory. It takes everything at once, or nothing while it is full. */
class Peer extends Socket {
  readonly received: Message[] = [];
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const finish = (): void => {
      new FrameDecoder((...frame) => {
        const message = readMessage(...frame);
        if (message !== undefined) this.received.push(message);
        return undefined;
      }, Number.POSITIVE_INFINITY).push(chunk);
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }

  /** Takes the pending bytes. */
  async accept(): Promise<void> {
    this.isFull = false;
    this.#waiting?.();
    await new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
  }

  get types(): string[] {
    return this.received.map(({ type }) => type);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
});

interface Opened {
  readonly peer: Peer;
  readonly replies: ChunkedReplies;
  readonly connection: FrameConnection;
  readonly turn: () => void;
}

function open(): Opened {
  const peer = new Peer();
  const connection = new FrameConnection(peer, new FlushScheduler());
  const replies = new ChunkedReplies(connection);
  connection.output.onDrain = () => replies.resume();
  return { peer, replies, connection, turn: () => vi.runOnlyPendingTimers() };
}

/** A list that takes about this many chunks. */
function listOf(chunks: number): string[] {
  return Array.from({ length: chunks * 4 }, (_, index) => `${index}`.padEnd(65_530, 'x'));
}

test('chunked replies: sends a short reply at once', () => {
  const { peer, replies, turn } = open();
  replies.send(1, ['a', 'b']);
  replies.send(2, []);
  replies.send(3, true);
  turn();
  expect(peer.received).toEqual([
    { type: 'queryAnswer', requestId: 1, answer: ['a', 'b'] },
    { type: 'queryAnswer', requestId: 2, answer: [] },
    { type: 'queryAnswer', requestId: 3, answer: true },
  ]);
});

test('chunked replies: sends one chunk per turn, and short replies in between', () => {
  const { peer, replies, turn } = open();
  const list = listOf(4);
  replies.send(1, list);
  replies.send(2, 7);
  for (let turns = 1; peer.types.filter((type) => type === 'queryAnswer').length < 2; turns += 1) {
    turn();
    expect(peer.types.filter((type) => type === 'queryPart').length).toBeLessThanOrEqual(turns);
  }
  expect(peer.received[0]).toEqual({ type: 'queryAnswer', requestId: 2, answer: 7 });
  const chunks = peer.received.slice(1).map((message) => {
    if (message.type === 'queryPart') return message.part;
    return message.type === 'queryAnswer' ? message.answer : undefined;
  });
  expect(chunks).toHaveLength(4);
  expect(chunks.flat()).toEqual(list);
});

test('chunked replies: waits while the link is full', async () => {
  const { peer, replies, connection, turn } = open();
  peer.isFull = true;
  replies.send(1, listOf(4));
  for (let turns = 0; turns < 10; turns += 1) turn();
  expect(peer.received).toEqual([]);
  expect(connection.output.pendingBytes).toBeLessThan(2.5 * 1024 * 1024);
  await peer.accept();
  for (let turns = 0; turns < 10; turns += 1) turn();
  expect(peer.types).toEqual(['queryPart', 'queryPart', 'queryPart', 'queryAnswer']);
});

test('chunked replies: refuses a long reply while too much is pending', async () => {
  const { peer, replies, turn } = open();
  peer.isFull = true;
  for (let requestId = 1; requestId <= 3; requestId += 1) replies.send(requestId, listOf(96));
  turn();
  expect(() => replies.send(4, listOf(2))).toThrow(
    expect.objectContaining({ code: 'GW_ERR_LINK_FULL' }),
  );
  replies.send(5, 'short');
  await peer.accept();
  for (let turns = 0; turns < 400; turns += 1) turn();
  expect(peer.types.filter((type) => type === 'queryAnswer')).toHaveLength(4);
  replies.send(6, listOf(2));
});

test('chunked replies: an entry larger than a frame fails only its own reply', () => {
  const { peer, replies, turn } = open();
  const huge = Array.from({ length: 600 }, () => 'x'.repeat(65_000));
  replies.send(1, [...listOf(1), huge, ...listOf(2)]);
  replies.send(2, listOf(2));
  for (let turns = 0; turns < 20; turns += 1) turn();
  expect(
    peer.received.map((message) => [message.type, 'requestId' in message && message.requestId]),
  ).toEqual([
    ['queryPart', 1],
    ['queryFailure', 1],
    ['queryPart', 2],
    ['queryAnswer', 2],
  ]);
  expect(peer.received[1]).toMatchObject({ code: 'GW_ERR_FRAME_TOO_LARGE' });
});

test('chunked replies: close drops the pending replies', () => {
  const { peer, replies, turn } = open();
  replies.send(1, listOf(3));
  replies.close();
  replies.resume();
  turn();
  expect(peer.received).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
