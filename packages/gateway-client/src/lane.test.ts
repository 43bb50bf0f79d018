import type { LaneReceivers } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { Lane } from './lane.ts';

const toAll: LaneReceivers = { kind: 'all', excluded: [] };
const client = { gatewayToken: 1, connection: 2, nonceHigh: 3, nonceLow: 4 };

/** A lane with a clock that is set by the test. */
function createLane(maxAgeMs: number, maxBytes: number) {
  const clock = { now: 0 };
  const lane = new Lane(() => clock.now);
  lane.activate(maxAgeMs, maxBytes);
  return { lane, clock };
}

test('lane: has a source above 0, and is not active until a gateway subscribes', () => {
  const lane = new Lane();
  expect([lane.isActive, lane.lastOffset, lane.size, lane.bytes]).toEqual([false, 0, 0, 0]);
  expect(lane.source).toBeGreaterThan(0);
  expect(lane.source).toBeLessThanOrEqual(0xffff_ffff);
  lane.activate(1, 1);
  expect(lane.isActive).toBe(true);
});

test('lane: numbers entries from 1 and finds them by offset', () => {
  const { lane } = createLane(1000, 1_000_000);
  expect(lane.record(toAll, 'first')).toBe(1);
  expect(lane.record({ kind: 'clients', clients: [client] }, 'second', 7, true)).toBe(2);
  expect(lane.at(0)).toBeUndefined();
  expect(lane.at(1)).toMatchObject({ payload: 'first', number: 0, isFailed: false });
  expect(lane.at(2)).toMatchObject({ payload: 'second', number: 7, isFailed: true });
  expect(lane.at(3)).toBeUndefined();
});

test('lane: keeps a copy of bytes that the application reuses', () => {
  const { lane } = createLane(1000, 1_000_000);
  const buffer = Buffer.from('abc');
  lane.record(toAll, buffer.subarray(1));
  buffer.fill(0);
  expect(lane.at(1)?.payload).toEqual(Buffer.from('bc'));
});

test('lane: evicts entries by age', () => {
  const { lane, clock } = createLane(1000, 1_000_000);
  lane.record(toAll, 'x');
  clock.now = 600;
  lane.record(toAll, 'x');
  clock.now = 1001;
  lane.record(toAll, 'x');
  expect([lane.size, lane.evictedOffset, lane.lastEvictedTime]).toEqual([2, 1, 0]);
  expect([lane.at(1), lane.at(2)?.time]).toEqual([undefined, 600]);
  clock.now = 5000;
  lane.evict();
  expect([lane.size, lane.bytes, lane.evictedOffset, lane.lastOffset]).toEqual([0, 0, 3, 3]);
  expect(lane.record(toAll, 'x')).toBe(4);
  expect(lane.at(4)?.time).toBe(5000);
});

test('lane: evicts entries by bytes, even the newest', () => {
  const { lane } = createLane(1000, 1100);
  for (let sent = 0; sent < 10; sent++) lane.record({ kind: 'uids', uids: ['u'] }, 'x'.repeat(500));
  expect(lane.size).toBe(2);
  expect([lane.at(8), lane.at(9)?.payload.length]).toEqual([undefined, 500]);
  lane.record(toAll, 'x'.repeat(5000));
  expect([lane.size, lane.bytes, lane.evictedOffset]).toEqual([0, 0, 11]);
});

test('lane: receivers count as bytes', () => {
  const bytesOf = (receivers: LaneReceivers): number => {
    const { lane } = createLane(1000, 1_000_000);
    lane.record(receivers, '');
    return lane.bytes;
  };
  const uid = 'u'.repeat(1000);
  const clients = Array.from({ length: 100 }, () => client);
  const none = bytesOf(toAll);
  expect(bytesOf({ kind: 'uids', uids: [uid] })).toBeGreaterThan(none + 1000);
  expect(bytesOf({ kind: 'clients', clients })).toBeGreaterThan(none + 1500);
  expect(bytesOf({ kind: 'all', excluded: clients })).toBeGreaterThan(none + 1500);
  expect(bytesOf({ kind: 'groups', groups: [uid], excluded: clients })).toBeGreaterThan(
    none + 2500,
  );
});

test('lane: uses the maximum of what gateways ask for', () => {
  const { lane, clock } = createLane(1000, 3000);
  lane.activate(2000, 1000);
  lane.record(toAll, 'x'.repeat(1000));
  clock.now = 1500;
  lane.evict();
  expect(lane.size).toBe(1);
});

test('lane: finds every kept entry after many evictions', () => {
  const { lane, clock } = createLane(100, 100_000_000);
  for (let sent = 1; sent <= 10_000; sent++) {
    clock.now += 1;
    lane.record(toAll, String(sent));
  }
  expect([lane.size, lane.evictedOffset]).toEqual([101, 9899]);
  for (let offset = 9900; offset <= 10_000; offset++) {
    expect(lane.at(offset)?.payload).toBe(String(offset));
  }
  expect(lane.at(9899)).toBeUndefined();
});
