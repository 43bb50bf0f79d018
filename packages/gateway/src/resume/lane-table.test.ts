import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { FrameDecoder, type Message, readMessage } from '@gatewayworker/protocol';
import { MemorySocket } from '@gatewayworker/testing';
import { beforeEach, expect, test, vi } from 'vitest';
import { type CallerLane, LaneTable } from './lane-table.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  return () => vi.useRealTimers();
});

/** A linked process, and the messages that it has received. */
class Peer {
  readonly #socket = new MemorySocket();
  readonly connection = new FrameConnection(this.#socket, new FlushScheduler());

  get received(): Message[] {
    this.connection.output.flush();
    const messages: Message[] = [];
    new FrameDecoder((...frame) => {
      const message = readMessage(...frame);
      if (message !== undefined) messages.push(message);
      return undefined;
    }).push(Buffer.from(this.#socket.written));
    return messages;
  }
}

function createTable(): LaneTable {
  return new LaneTable({ maxAgeMs: 60_000, maxBytes: 1000 });
}

/** Adds a process that has sent messages up to this offset. */
function addStarted(lanes: LaneTable, source: number, top: number): CallerLane {
  const lane = lanes.add(new Peer().connection);
  lanes.start(lane, source, 0);
  lane.top = top;
  return lane;
}

/** A client that has lost its connection to this gateway 1,000 ms ago. */
const away = { awayMs: 1000, isMoved: false };

const subscription = { type: 'laneSubscribe', maxAgeMs: 60_000, maxBytes: 1000 };

test('lane table: no process is asked before the first client', () => {
  const lanes = createTable();
  const [first, second] = [new Peer(), new Peer()];
  lanes.add(first.connection);
  expect(first.received).toEqual([]);
  void lanes.started();
  void lanes.started();
  expect(first.received).toEqual([subscription]);
  // A process that is linked later is asked at once.
  lanes.add(second.connection);
  expect(second.received).toEqual([subscription]);
});

test('lane table: a client waits until every process has started its lane', async () => {
  const lanes = createTable();
  const [first, second] = [lanes.add(new Peer().connection), lanes.add(new Peer().connection)];
  let isStarted = false;
  const started = lanes.started().then(() => {
    isStarted = true;
  });
  lanes.start(first, 7, 20);
  await Promise.resolve();
  expect(isStarted).toBe(false);
  lanes.start(second, 8, 30);
  await started;
  expect(lanes.positions).toEqual(
    new Map([
      [7, 20],
      [8, 30],
    ]),
  );
  expect(vi.getTimerCount()).toBe(0);
});

test('lane table: the end of the process that is waited for ends the wait', async () => {
  const lanes = createTable();
  const lane = lanes.add(new Peer().connection);
  const started = lanes.started();
  lanes.remove(lane, false);
  await started;
  expect(vi.getTimerCount()).toBe(0);
});

test('lane table: a silent process delays the clients once, by a second', async () => {
  const lanes = createTable();
  const silent = lanes.add(new Peer().connection);
  const started = lanes.started();
  vi.advanceTimersByTime(1000);
  await started;
  // The next client does not wait for it.
  await lanes.started();
  expect(lanes.positions).toEqual(new Map());
  lanes.start(silent, 7, 5);
  expect(lanes.positions).toEqual(new Map([[7, 5]]));
});

test('lane table: without a process no client waits', async () => {
  await createTable().started();
  expect(vi.getTimerCount()).toBe(0);
});

test('lane table: a live source is never missed', () => {
  const lanes = createTable();
  addStarted(lanes, 7, 20);
  expect(lanes.missed(new Map([[7, 3]]), away)).toEqual([]);
  expect(lanes.missed(new Map(), away)).toEqual([]);
});

test('lane table: an unknown source is missed', () => {
  expect(createTable().missed(new Map([[9, 3]]), away)).toEqual([9]);
});

test.each([
  [19, [7]],
  [20, []],
  [21, []],
])('lane table: of an ended source up to 20, a client at %i misses %j', (offset, expected) => {
  const lanes = createTable();
  lanes.remove(addStarted(lanes, 7, 20), true);
  expect(lanes.missed(new Map([[7, offset]]), away)).toEqual(expected);
});

test('lane table: a client without a position misses what ended while it was away', () => {
  const lanes = createTable();
  lanes.remove(addStarted(lanes, 7, 20), true);
  vi.advanceTimersByTime(2000);
  lanes.remove(addStarted(lanes, 8, 20), true);
  vi.advanceTimersByTime(500);
  expect(lanes.missed(new Map(), away)).toEqual([8]);
});

test('lane table: a client of another gateway may miss more than this one knows', () => {
  const lanes = createTable();
  lanes.remove(addStarted(lanes, 7, 20), true);
  const positions = new Map([[7, 20]]);
  expect(lanes.missed(positions, { awayMs: 1000, isMoved: true })).toEqual([7]);
  vi.advanceTimersByTime(10_000);
  // It ended long before the client lost its connection: the other gateway has told the client.
  expect(lanes.missed(positions, { awayMs: 1000, isMoved: true })).toEqual([]);
});

test('lane table: an ended source is forgotten after the age limit', () => {
  const lanes = createTable();
  lanes.remove(addStarted(lanes, 7, 20), true);
  vi.advanceTimersByTime(60_001);
  lanes.remove(addStarted(lanes, 8, 1), true);
  const positions = new Map([
    [7, 20],
    [8, 1],
  ]);
  // Unknown again, so the client misses everything.
  expect(lanes.missed(positions, away)).toEqual([7]);
});

test('lane table: the end of a process ends its source, if it has one', () => {
  const lanes = createTable();
  expect(lanes.remove(lanes.add(new Peer().connection), true)).toEqual([]);
  expect(lanes.remove(addStarted(lanes, 7, 20), true)).toEqual([
    { source: 7, top: 20, holder: undefined },
  ]);
});

test('lane table: a source that another process has adopted is not missed', () => {
  const lanes = createTable();
  const [ending, adopter] = [addStarted(lanes, 7, 20), addStarted(lanes, 8, 5)];
  lanes.adopt(adopter, 7, 25);
  // While the process is linked, it is the one that answers.
  expect(lanes.holderOf(7)).toBe(ending);
  expect(lanes.remove(ending, true)).toEqual([{ source: 7, top: 25, holder: adopter }]);
  expect(lanes.holderOf(7)).toBe(adopter);
  expect(lanes.missed(new Map([[7, 3]]), away)).toEqual([]);
  // With the adopter, the adopted lane ends too.
  expect(lanes.remove(adopter, false)).toEqual([
    { source: 8, top: 5, holder: undefined },
    { source: 7, top: 25, holder: undefined },
  ]);
  expect(lanes.missed(new Map([[7, 3]]), away)).toEqual([7, 8]);
});

test('lane table: of a process that breaks off, only what has arrived counts', () => {
  const lanes = createTable();
  const [ending, adopter] = [addStarted(lanes, 7, 20), addStarted(lanes, 8, 5)];
  lanes.adopt(adopter, 7, 25);
  expect(lanes.remove(ending, false)).toEqual([{ source: 7, top: 20, holder: adopter }]);
});

test('lane table: an adopted lane is forgotten after the age limit', () => {
  const lanes = createTable();
  const forgotten: number[] = [];
  lanes.onForgotten = (source) => void forgotten.push(source);
  const [ending, adopter] = [addStarted(lanes, 7, 20), addStarted(lanes, 8, 5)];
  lanes.adopt(adopter, 7, 25);
  lanes.remove(ending, true);
  vi.advanceTimersByTime(60_001);
  lanes.adopt(adopter, 9, 1);
  expect([forgotten, lanes.holderOf(7)]).toEqual([[7], undefined]);
});

test('lane table: one process adopts at most 4,096 lanes', () => {
  const lanes = createTable();
  const adopter = addStarted(lanes, 1, 0);
  for (let source = 2; source < 5000; source += 1) lanes.adopt(adopter, source, 1);
  expect(adopter.adopted.size).toBe(4096);
  expect(lanes.holderOf(4999)).toBeUndefined();
});

test('lane table: a process that is linked again continues its lane', () => {
  const lanes = createTable();
  const restarted: [number, number][] = [];
  lanes.onRestarted = ({ source }, top) => void restarted.push([source, top]);
  lanes.remove(addStarted(lanes, 7, 20), true);
  lanes.start(lanes.add(new Peer().connection), 7, 20);
  expect(restarted).toEqual([]);
  lanes.remove(addStarted(lanes, 8, 20), true);
  lanes.start(lanes.add(new Peer().connection), 8, 25);
  expect(restarted).toEqual([[8, 20]]);
  expect(lanes.missed(new Map([[7, 3]]), away)).toEqual([]);
});

test('lane table: the successor of a gateway continues the lanes', async () => {
  const lanes = createTable();
  const [known, unknown] = [new Peer(), new Peer()];
  lanes.restore(lanes.add(known.connection), 7, 20, [[9, 4]]);
  lanes.restore(lanes.add(unknown.connection), 0, 0, []);
  expect(lanes.positions).toEqual(new Map([[7, 20]]));
  expect(lanes.holderOf(9)).toBe(lanes.holderOf(7));
  expect(known.received).toEqual([]);
  const started = lanes.started();
  expect(unknown.received).toEqual([subscription]);
  vi.advanceTimersByTime(1000);
  await started;
});
