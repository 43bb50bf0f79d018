import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  FrameDecoder,
  type InterestKind,
  readInterest,
  readInterestKnown,
  readJoinsApplied,
} from '@gatewayworker/protocol';
import fc from 'fast-check';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { InterestLink, InterestPublisher } from './interest-publisher.ts';
import { MembershipIndex } from './membership-index.ts';

/** A follower in memory: it knows what it was told. Its kernel takes everything at once, or nothing. */
class Follower extends Socket {
  readonly link: InterestLink;
  readonly names: [uids: Set<string>, groups: Set<string>] = [new Set(), new Set()];
  readonly isKnown: [uids: boolean, groups: boolean] = [false, false];
  joins = 0;
  isFull = false;
  #waiting: (() => void) | undefined;

  constructor(publisher: InterestPublisher, scheduler: FlushScheduler) {
    super();
    const connection = new FrameConnection(this, scheduler);
    this.link = new InterestLink(connection);
    connection.output.onDrain = () => publisher.resume(this.link);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const finish = (): void => {
      new FrameDecoder((command, buffer, start, end) => {
        this.#take(command, new ByteReader().reset(buffer, start, end));
        return undefined;
      }).push(Buffer.from(chunk));
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }

  async accept(): Promise<void> {
    this.isFull = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
    await new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
  }

  knows(kind: InterestKind): string[] | undefined {
    return this.isKnown[kind] ? [...this.names[kind]].sort() : undefined;
  }

  #take(command: number, reader: ByteReader): void {
    if (command === Command.InterestAdded) {
      readInterest(reader, (kind, name) => this.names[kind].add(name));
    } else if (command === Command.InterestRemoved) {
      readInterest(reader, (kind, name) => this.names[kind].delete(name));
    } else if (command === Command.InterestKnown) {
      const { kind, isKnown } = readInterestKnown(reader);
      this.isKnown[kind] = isKnown;
      if (!isKnown) this.names[kind].clear();
    } else if (command === Command.JoinsApplied) {
      this.joins = readJoinsApplied(reader);
    }
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
});

const turn = (): unknown => vi.runOnlyPendingTimers();

function open(options: { maxNamesBytes?: number; maxPendingBytes?: number } = {}) {
  const scheduler = new FlushScheduler();
  const uids = new MembershipIndex<number>();
  const groups = new MembershipIndex<number>();
  const publisher = new InterestPublisher({
    uids,
    groups,
    scheduler,
    maxPendingBytes: 1_000_000,
    ...options,
  });
  const follow = (): Follower => {
    const follower = new Follower(publisher, scheduler);
    publisher.follow(follower.link);
    return follower;
  };
  return { uids, groups, publisher, follow };
}

test('a follower learns the names that are there, and then every change', () => {
  const { uids, groups, follow } = open();
  uids.add('tom', 1);
  groups.add('room', 1);
  const follower = follow();
  expect(follower.knows(0)).toBeUndefined();
  vi.runAllTimers();
  expect([follower.knows(0), follower.knows(1)]).toEqual([['tom'], ['room']]);
  uids.add('ann', 2);
  uids.add('ann', 3);
  groups.remove('room', 1);
  vi.runAllTimers();
  expect([follower.knows(0), follower.knows(1)]).toEqual([['ann', 'tom'], []]);
});

test('a name that is lost and back within a turn is not told of', () => {
  const { groups, follow } = open();
  groups.add('room', 1);
  const follower = follow();
  vi.runAllTimers();
  groups.remove('room', 1);
  groups.add('room', 2);
  const { pendingBytes } = follower.link.connection.output;
  expect(pendingBytes).toBe(0);
  turn();
  expect(follower.knows(1)).toEqual(['room']);
});

test('many names are told in several turns', () => {
  const { uids, follow } = open();
  for (let i = 0; i < 2500; i++) uids.add(`user ${i}`, i);
  const follower = follow();
  turn();
  turn();
  expect(follower.names[0].size).toBeLessThan(2500);
  expect(follower.knows(0)).toBeUndefined();
  vi.runAllTimers();
  expect(follower.knows(0)).toHaveLength(2500);
});

test('names that are too many are told no more, until they are half as many', () => {
  const { uids, follow } = open({ maxNamesBytes: 1000 });
  const follower = follow();
  vi.runAllTimers();
  expect(follower.knows(0)).toEqual([]);
  for (let i = 0; i < 20; i++) uids.add(`u${i}`, i);
  vi.runAllTimers();
  expect(follower.knows(0)).toBeUndefined();
  expect(follower.knows(1)).toEqual([]);
  for (let i = 1; i < 20; i++) uids.remove(`u${i}`, i);
  vi.runAllTimers();
  expect(follower.knows(0)).toEqual(['u0']);
});

test('names that become too many by one that is back within a turn are given up for everybody', () => {
  const { uids, follow } = open({ maxNamesBytes: 3 * 65 });
  const first = follow();
  for (const name of ['a', 'b', 'c']) uids.add(name, 1);
  vi.runAllTimers();
  expect(first.knows(0)).toEqual(['a', 'b', 'c']);
  uids.remove('a', 1);
  uids.add('d', 1);
  uids.add('a', 1);
  const second = follow();
  vi.runAllTimers();
  uids.add('e', 1);
  vi.runAllTimers();
  expect([first.knows(0), second.knows(0)]).toEqual([undefined, undefined]);
  for (const name of ['a', 'b', 'c', 'd']) uids.remove(name, 1);
  vi.runAllTimers();
  expect([first.knows(0), second.knows(0)]).toEqual([['e'], ['e']]);
});

test('a follower that reads nothing makes nothing grow, and learns all names anew when it reads', async () => {
  const { uids, follow } = open({ maxPendingBytes: 10_000 });
  const follower = follow();
  vi.runAllTimers();
  follower.isFull = true;
  for (let i = 0; i < 5000; i++) {
    uids.add(`user ${i}`, i);
    if (i % 100 === 0) turn();
  }
  expect(follower.link.connection.output.pendingBytes).toBeLessThan(11_000);
  await follower.accept();
  vi.runAllTimers();
  expect(follower.knows(0)).toHaveLength(5000);
});

test('joins are told of behind the names that they have made', () => {
  const { publisher, groups, follow } = open();
  const follower = follow();
  vi.runAllTimers();
  groups.add('room', 1);
  publisher.countJoin(follower.link);
  publisher.countJoin(follower.link);
  turn();
  turn();
  expect([follower.joins, follower.knows(1)]).toEqual([2, ['room']]);
});

test('whoever does not follow is told nothing', () => {
  const { publisher, uids, follow } = open();
  const follower = follow();
  vi.runAllTimers();
  publisher.unfollow(follower.link);
  uids.add('tom', 1);
  vi.runAllTimers();
  expect(follower.knows(0)).toEqual([]);
});

test('a follower that knows all names knows every name that is there, whatever happens in what order', async () => {
  const name = fc.integer({ min: 0, max: 5 }).map((i) => `n${i}`);
  const step = fc.oneof(
    { weight: 6, arbitrary: name.map((what) => ['add', what] as const) },
    { weight: 6, arbitrary: name.map((what) => ['remove', what] as const) },
    { weight: 3, arbitrary: fc.constant(['turn'] as const) },
    fc.constant(['full'] as const),
    fc.constant(['accept'] as const),
    fc.constant(['follow'] as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      // So small that names are too many now and then, and links are full.
      const { uids, publisher, follow } = open({ maxNamesBytes: 300, maxPendingBytes: 60 });
      const followers: Follower[] = [follow()];
      for (const [what, which = ''] of steps) {
        if (what === 'add') uids.add(which, 1);
        else if (what === 'remove') uids.remove(which, 1);
        else if (what === 'turn') {
          turn();
          for (const one of followers) {
            if (!one.isKnown[0] || one.link.connection.output.pendingBytes > 0) continue;
            expect([...one.names[0]]).toEqual(expect.arrayContaining([...uids.names()]));
          }
        } else if (what === 'full') for (const one of followers) one.isFull = true;
        else if (what === 'accept') for (const one of followers) await one.accept();
        else followers.push(follow());
      }
      for (const one of followers) {
        await one.accept();
        // A change makes a link that was full without being blocked look again.
        publisher.countJoin(one.link);
      }
      for (let i = 0; i < 10; i++) {
        turn();
        for (const one of followers) await one.accept();
      }
      const names = [...uids.names()].sort();
      // Two names cost less than half of what there is room for.
      for (const one of followers) {
        if (names.length <= 2 || one.isKnown[0]) expect(one.knows(0)).toEqual(names);
      }
    }),
    { numRuns: 400 },
  );
});
