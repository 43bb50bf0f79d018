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

/** A subscriber in memory that keeps the published names. It takes everything at once, or nothing while it is full. */
class Subscriber extends Socket {
  readonly link: InterestLink;
  readonly names: [uids: Set<string>, groups: Set<string>] = [new Set(), new Set()];
  readonly isSynced: [uids: boolean, groups: boolean] = [false, false];
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

  /** The names of one kind, sorted; `undefined` unless they are complete. */
  namesOf(kind: InterestKind): string[] | undefined {
    return this.isSynced[kind] ? [...this.names[kind]].sort() : undefined;
  }

  #take(command: number, reader: ByteReader): void {
    if (command === Command.InterestAdded) {
      readInterest(reader, (kind, name) => this.names[kind].add(name));
    } else if (command === Command.InterestRemoved) {
      readInterest(reader, (kind, name) => this.names[kind].delete(name));
    } else if (command === Command.InterestKnown) {
      const { kind, isKnown } = readInterestKnown(reader);
      this.isSynced[kind] = isKnown;
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
  const subscribe = (): Subscriber => {
    const subscriber = new Subscriber(publisher, scheduler);
    publisher.subscribe(subscriber.link);
    return subscriber;
  };
  return { uids, groups, publisher, subscribe };
}

test('interest: a subscriber gets all names, and then every change', () => {
  const { uids, groups, subscribe } = open();
  uids.add('tom', 1);
  groups.add('room', 1);
  const subscriber = subscribe();
  expect(subscriber.namesOf(0)).toBeUndefined();
  vi.runAllTimers();
  expect([subscriber.namesOf(0), subscriber.namesOf(1)]).toEqual([['tom'], ['room']]);
  uids.add('ann', 2);
  uids.add('ann', 3);
  groups.remove('room', 1);
  vi.runAllTimers();
  expect([subscriber.namesOf(0), subscriber.namesOf(1)]).toEqual([['ann', 'tom'], []]);
});

test('interest: a name removed and added within a turn is not published', () => {
  const { groups, subscribe } = open();
  groups.add('room', 1);
  const subscriber = subscribe();
  vi.runAllTimers();
  groups.remove('room', 1);
  groups.add('room', 2);
  const { pendingBytes } = subscriber.link.connection.output;
  expect(pendingBytes).toBe(0);
  turn();
  expect(subscriber.namesOf(1)).toEqual(['room']);
});

test('interest: many names are synced in several turns', () => {
  const { uids, subscribe } = open();
  for (let i = 0; i < 2500; i++) uids.add(`user ${i}`, i);
  const subscriber = subscribe();
  turn();
  turn();
  expect(subscriber.names[0].size).toBeLessThan(2500);
  expect(subscriber.namesOf(0)).toBeUndefined();
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toHaveLength(2500);
});

test('interest: too many names are not published until half of them are left', () => {
  const { uids, subscribe } = open({ maxNamesBytes: 1000 });
  const subscriber = subscribe();
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toEqual([]);
  for (let i = 0; i < 20; i++) uids.add(`u${i}`, i);
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toBeUndefined();
  expect(subscriber.namesOf(1)).toEqual([]);
  for (let i = 1; i < 20; i++) uids.remove(`u${i}`, i);
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toEqual(['u0']);
});

test('interest: a name added again within a turn can exceed the limit', () => {
  const { uids, subscribe } = open({ maxNamesBytes: 3 * 65 });
  const first = subscribe();
  for (const name of ['a', 'b', 'c']) uids.add(name, 1);
  vi.runAllTimers();
  expect(first.namesOf(0)).toEqual(['a', 'b', 'c']);
  uids.remove('a', 1);
  uids.add('d', 1);
  uids.add('a', 1);
  const second = subscribe();
  vi.runAllTimers();
  uids.add('e', 1);
  vi.runAllTimers();
  expect([first.namesOf(0), second.namesOf(0)]).toEqual([undefined, undefined]);
  for (const name of ['a', 'b', 'c', 'd']) uids.remove(name, 1);
  vi.runAllTimers();
  expect([first.namesOf(0), second.namesOf(0)]).toEqual([['e'], ['e']]);
});

test('interest: a slow subscriber uses bounded memory, and syncs again later', async () => {
  const { uids, subscribe } = open({ maxPendingBytes: 10_000 });
  const subscriber = subscribe();
  vi.runAllTimers();
  subscriber.isFull = true;
  for (let i = 0; i < 5000; i++) {
    uids.add(`user ${i}`, i);
    if (i % 100 === 0) turn();
  }
  expect(subscriber.link.connection.output.pendingBytes).toBeLessThan(11_000);
  await subscriber.accept();
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toHaveLength(5000);
});

test('interest: joins are confirmed after their names', () => {
  const { publisher, groups, subscribe } = open();
  const subscriber = subscribe();
  vi.runAllTimers();
  groups.add('room', 1);
  publisher.countJoin(subscriber.link);
  publisher.countJoin(subscriber.link);
  turn();
  turn();
  expect([subscriber.joins, subscriber.namesOf(1)]).toEqual([2, ['room']]);
});

test('interest: publishes nothing after unsubscribe', () => {
  const { publisher, uids, subscribe } = open();
  const subscriber = subscribe();
  vi.runAllTimers();
  publisher.unsubscribe(subscriber.link);
  uids.add('tom', 1);
  vi.runAllTimers();
  expect(subscriber.namesOf(0)).toEqual([]);
});

test('interest: a synced subscriber has every name, in any order of changes', async () => {
  const name = fc.integer({ min: 0, max: 5 }).map((i) => `n${i}`);
  const step = fc.oneof(
    { weight: 6, arbitrary: name.map((what) => ['add', what] as const) },
    { weight: 6, arbitrary: name.map((what) => ['remove', what] as const) },
    { weight: 3, arbitrary: fc.constant(['turn'] as const) },
    fc.constant(['full'] as const),
    fc.constant(['accept'] as const),
    fc.constant(['subscribe'] as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      // Small limits, so that names are sometimes too many, and links full.
      const { uids, publisher, subscribe } = open({ maxNamesBytes: 300, maxPendingBytes: 60 });
      const subscribers: Subscriber[] = [subscribe()];
      for (const [what, which = ''] of steps) {
        if (what === 'add') uids.add(which, 1);
        else if (what === 'remove') uids.remove(which, 1);
        else if (what === 'turn') {
          turn();
          for (const one of subscribers) {
            if (!one.isSynced[0] || one.link.connection.output.pendingBytes > 0) continue;
            expect([...one.names[0]]).toEqual(expect.arrayContaining([...uids.names()]));
          }
        } else if (what === 'full') for (const one of subscribers) one.isFull = true;
        else if (what === 'accept') for (const one of subscribers) await one.accept();
        else subscribers.push(subscribe());
      }
      for (const one of subscribers) {
        await one.accept();
        // A change makes the publisher check a link that was full but never blocked.
        publisher.countJoin(one.link);
      }
      for (let i = 0; i < 10; i++) {
        turn();
        for (const one of subscribers) await one.accept();
      }
      const names = [...uids.names()].sort();
      // Two names use less than half of the limit.
      for (const one of subscribers) {
        if (names.length <= 2 || one.isSynced[0]) expect(one.namesOf(0)).toEqual(names);
      }
    }),
    { numRuns: 400 },
  );
});
