import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteReader,
  ByteWriter,
  type ClientAddress,
  Command,
  FrameDecoder,
  formatClientId,
  type LaneReceivers,
  LaneTransferState,
  type Message,
  readLaneTransfer,
} from '@gatewayworker/protocol';
import { eventually, MemorySocket } from '@gatewayworker/testing';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AdoptedLanes, type TransferResult } from './adopted-lanes.ts';
import { GatewayLink } from './gateway-link.ts';
import { Lane } from './lane.ts';
import { LaneHandover } from './lane-handover.ts';
import { ReplayPass } from './replay-pass.ts';

const toAll: LaneReceivers = { kind: 'all', excluded: [] };

/** A link in memory, and the bodies of the LaneTransfers written to it. */
function createLink(gatewayToken = 1) {
  const socket = new MemorySocket();
  const connection = new FrameConnection(socket, new FlushScheduler());
  onTestFinished(() => connection.destroy());
  const link = new GatewayLink(connection, {
    address: `10.0.0.${gatewayToken}:2900`,
    instanceId: `instance-${gatewayToken}`,
    gatewayToken,
    name: 'gateway',
  });
  const transfers = (): Buffer[] => {
    connection.output.flushNow();
    const bodies: Buffer[] = [];
    new FrameDecoder((command, buffer, start, end) => {
      if (command === Command.LaneTransfer) bodies.push(Buffer.from(buffer.subarray(start, end)));
      return undefined;
    }).push(socket.written);
    return bodies;
  };
  return { link, transfers };
}

function createLane(clock: { now: number }, maxAgeMs = 60_000, maxBytes = 1_000_000): Lane {
  const lane = new Lane(() => clock.now);
  lane.activate(maxAgeMs, maxBytes);
  return lane;
}

function readerOf(body: Buffer): ByteReader {
  return new ByteReader().reset(body, 0, body.length);
}

function headersOf(bodies: readonly Buffer[]) {
  return bodies.map((body) => readLaneTransfer(readerOf(body)));
}

/** Hands lanes over to another process, whose clock shows another time. */
function transfer(lanes: readonly Lane[], adopted: AdoptedLanes): TransferResult[] {
  const { link, transfers } = createLink();
  const results: TransferResult[] = [];
  const handover = new LaneHandover({
    lanes: lanes.map((lane) => ({ lane, endedAgeMs: 0 })),
    link,
    links: [link],
    onLaneEnd: () => undefined,
  });
  for (let sent = 0; sent < transfers().length; sent++) {
    const { source, result } = adopted.receive(
      link,
      readerOf(transfers()[sent] ?? Buffer.alloc(0)),
    );
    results.push(result);
    handover.handleState(link, source, LaneTransferState.More);
    if (result === 'adopted') handover.handleState(link, source, LaneTransferState.Taken);
  }
  expect(handover.isOver).toBe(results.filter((result) => result === 'adopted').length > 0);
  return results;
}

/** The frames that answer requests by the lanes of one process, without the position of the own lane. */
function answersOf(
  own: Lane,
  adopted: readonly Lane[],
  requests: readonly Message<'replayRequest'>[],
  now: () => number,
): string {
  const writer = new ByteWriter();
  const output = { isFull: false, writer: () => writer };
  const pass = new ReplayPass(own, requests, output, { now, adopted });
  expect(pass.run(Number.POSITIVE_INFINITY)).toBe(true);
  return writer.buffer.toString('latin1', 0, writer.length);
}

function clientOf(connection: number): ClientAddress {
  return { gatewayToken: 1, connection, nonceHigh: 5, nonceLow: connection >> 1 };
}

const names = fc.subarray(['a', 'b']);
const clients = fc.subarray([0, 1, 2]).map((some) => some.map(clientOf));
const receivers: fc.Arbitrary<LaneReceivers> = fc.oneof(
  fc.record({ kind: fc.constant('clients' as const), clients }),
  fc.record({ kind: fc.constant('uids' as const), uids: names }),
  fc.record({ kind: fc.constant('groups' as const), groups: names, excluded: clients }),
  fc.record({ kind: fc.constant('all' as const), excluded: clients }),
);
const sends = fc.record({
  receivers,
  payload: fc.oneof(fc.string(), fc.uint8Array()),
  number: fc.nat(3),
  isFailed: fc.boolean(),
  pauseMs: fc.nat(400),
});
const requests = fc.record({
  connection: fc.nat(2),
  uid: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  groups: names,
  position: fc.option(fc.nat(30), { nil: undefined }),
  ageMs: fc.nat(8000),
  memberAgeMs: fc.nat(8000),
});

test('lane handover: an adopted lane answers as the original lane would have', () => {
  const history = fc.record({
    sends: fc.array(sends, { maxLength: 30 }),
    requests: fc.array(requests, { minLength: 1, maxLength: 4 }),
    maxAgeMs: fc.integer({ min: 100, max: 10_000 }),
    maxBytes: fc.integer({ min: 300, max: 20_000 }),
    laterMs: fc.nat(5000),
    hops: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(history, (given) => {
      const clock = { now: 10_000 };
      const now = (): number => clock.now;
      const original = createLane(clock, given.maxAgeMs, given.maxBytes);
      for (const { pauseMs, ...send } of given.sends) {
        clock.now += pauseMs;
        original.record(send.receivers, send.payload, send.number, send.isFailed);
      }
      let lane: Lane | undefined = original;
      for (let hop = 0; hop < given.hops; hop++) {
        const adopted = new AdoptedLanes(createLane(clock, given.maxAgeMs, given.maxBytes), now);
        onTestFinished(() => adopted.close());
        expect(transfer([lane], adopted).at(-1)).toBe('adopted');
        lane = adopted.find(original.source);
        if (lane === undefined) throw new Error('no lane');
      }
      clock.now += given.laterMs;
      const asked = given.requests.map((request, requestId) => ({
        type: 'replayRequest' as const,
        requestId,
        clientId: formatClientId(clientOf(request.connection)),
        ...{ connection: 0, nonceHigh: 0, nonceLow: 0 },
        ageMs: request.ageMs,
        uid: request.uid,
        uidAgeMs: request.memberAgeMs,
        groups: request.groups.map((group) => ({ group, ageMs: request.memberAgeMs })),
        positions:
          request.position === undefined
            ? []
            : [{ source: original.source, offset: request.position }],
      }));
      const own = createLane(clock);
      expect(answersOf(own, [lane], asked, now)).toBe(answersOf(own, [original], asked, now));
    }),
    { numRuns: 300 },
  );
});

test('lane handover: sends a large lane in parts, the next after each answer', () => {
  const clock = { now: 0 };
  const lane = createLane(clock);
  for (let sent = 0; sent < 8; sent++) lane.record(toAll, Buffer.alloc(100_000));
  const { link, transfers } = createLink();
  const { link: other } = createLink(2);
  const onLaneEnd = vi.fn();
  const handover = new LaneHandover({
    ...{ link, links: [link, other], onLaneEnd },
    lanes: [{ lane, endedAgeMs: 0 }],
  });
  const { source } = lane;
  expect(transfers().length).toBe(1);
  handover.handleState(other, source, LaneTransferState.More);
  expect(transfers().length).toBe(1);
  handover.handleState(link, source, LaneTransferState.More);
  lane.record(toAll, 'later');
  expect(onLaneEnd).not.toHaveBeenCalled();
  handover.handleState(link, source, LaneTransferState.More);
  expect(headersOf(transfers())).toMatchObject([
    { isFirst: true, isLast: false, offset: 0, count: 3 },
    { isFirst: false, isLast: false, offset: 3, count: 3 },
    { isFirst: false, isLast: true, offset: 6, count: 3 },
  ]);
  expect(onLaneEnd).toHaveBeenCalledTimes(1);
  handover.handleState(link, source, LaneTransferState.Taken);
  expect(handover.isOver).toBe(false);
  handover.handleState(other, source, LaneTransferState.Taken);
  expect(handover.isOver).toBe(true);
});

test('lane handover: begins again if the next send was evicted meanwhile', () => {
  const clock = { now: 0 };
  const lane = createLane(clock, 1000);
  for (let sent = 0; sent < 6; sent++) lane.record(toAll, Buffer.alloc(100_000));
  const { link, transfers } = createLink();
  const lanes = [{ lane, endedAgeMs: 0 }];
  const handover = new LaneHandover({ lanes, link, links: [link], onLaneEnd: () => undefined });
  clock.now = 5000;
  handover.handleState(link, lane.source, LaneTransferState.More);
  expect(headersOf(transfers())).toMatchObject([
    { isFirst: true, isLast: false, offset: 0, count: 3 },
    { isFirst: true, isLast: true, offset: 6, count: 0, evictedAgeMs: 5000 },
  ]);
  const adopted = new AdoptedLanes(createLane(clock), () => clock.now);
  onTestFinished(() => adopted.close());
  const results = transfers().map((body) => adopted.receive(link, readerOf(body)).result);
  expect(results).toEqual(['incomplete', 'adopted']);
  expect(adopted.find(lane.source)).toMatchObject({ lastOffset: 6, size: 0 });
});

test('lane handover: is over when the lane is declined, or the links have ended', () => {
  const lanes = [{ lane: createLane({ now: 0 }), endedAgeMs: 0 }];
  const { source } = lanes[0]?.lane ?? new Lane();
  const [{ link }, { link: other }] = [createLink(), createLink(2)];
  const start = () =>
    new LaneHandover({ lanes, link, links: [link, other], onLaneEnd: () => undefined });
  const declined = start();
  declined.handleState(other, source, LaneTransferState.Declined);
  expect(declined.isOver).toBe(false);
  declined.handleState(link, source, LaneTransferState.Declined);
  expect(declined.isOver).toBe(true);
  const broken = start();
  broken.removeLink(other);
  expect(broken.isOver).toBe(false);
  broken.removeLink(link);
  expect(broken.isOver).toBe(true);
});

test('lane handover: is over without an answer, after a second', async () => {
  const { link } = createLink();
  const lanes = [{ lane: createLane({ now: 0 }), endedAgeMs: 0 }];
  const handover = new LaneHandover({ lanes, link, links: [link], onLaneEnd: () => undefined });
  expect(handover.isOver).toBe(false);
  await handover.over;
});

test('adopted lanes: all of them together are bounded by the bytes of one', () => {
  const clock = { now: 0 };
  const adopted = new AdoptedLanes(createLane(clock, 60_000, 8700), () => clock.now);
  onTestFinished(() => adopted.close());
  const lanes = Array.from({ length: 3 }, () => {
    const lane = createLane(clock);
    for (let sent = 0; sent < 4; sent++) lane.record(toAll, Buffer.alloc(1000));
    expect(transfer([lane], adopted)).toEqual(['adopted']);
    return lane;
  });
  const kept = lanes.map(({ source }) => adopted.find(source)?.size);
  expect(kept).toEqual([0, 4, 4]);
  expect(adopted.find(lanes[0]?.source ?? 0)?.evictedOffset).toBe(4);
});

test('adopted lanes: declines above 1024, a known source, and after the end', () => {
  const clock = { now: 0 };
  const own = createLane(clock);
  const adopted = new AdoptedLanes(own, () => clock.now);
  expect(transfer([own], adopted)).toEqual(['declined']);
  const first = createLane(clock);
  expect(transfer([first], adopted)).toEqual(['adopted']);
  expect(transfer([first], adopted)).toEqual(['declined']);
  while (adopted.all.length < 1024) transfer([createLane(clock)], adopted);
  expect(transfer([createLane(clock)], adopted)).toEqual(['declined']);
  adopted.close();
  expect(transfer([createLane(clock)], new AdoptedLanes(own))).toEqual(['adopted']);
  const closed = new AdoptedLanes(own);
  closed.close();
  expect(transfer([createLane(clock)], closed)).toEqual(['declined']);
});

test('adopted lanes: a lane is forgotten when all of its sends are too old', async () => {
  const clock = { now: 0 };
  const adopted = new AdoptedLanes(createLane(clock, 50), () => clock.now);
  onTestFinished(() => adopted.close());
  transfer([createLane(clock)], adopted);
  expect(adopted.all.length).toBe(1);
  await eventually(() => adopted.all.length === 0);
});

test('adopted lanes: refuses a frame with a hole, declines malformed sends', () => {
  const clock = { now: 0 };
  const adopted = new AdoptedLanes(createLane(clock), () => clock.now);
  onTestFinished(() => adopted.close());
  const lane = createLane(clock);
  for (let sent = 0; sent < 6; sent++) lane.record(toAll, Buffer.alloc(100_000));
  const { link, transfers } = createLink();
  const lanes = [{ lane, endedAgeMs: 0 }];
  const handover = new LaneHandover({ lanes, link, links: [link], onLaneEnd: () => undefined });
  handover.handleState(link, lane.source, LaneTransferState.More);
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = transfers();
  // A frame without its beginning, which another gateway may have declined.
  expect(adopted.receive(link, readerOf(second)).result).toBe('declined');
  expect(adopted.receive(link, readerOf(first)).result).toBe('incomplete');
  expect(adopted.receive(createLink(2).link, readerOf(second)).result).toBe('declined');
  const hole = Buffer.from(second);
  hole.writeUInt32BE(4, 9);
  expect(() => adopted.receive(link, readerOf(hole))).toThrow('continues at 4 instead of 3');
  const cut = second.subarray(0, second.length - 1);
  expect(adopted.receive(link, readerOf(cut)).result).toBe('declined');
  expect(adopted.receive(link, readerOf(second)).result).toBe('declined');
  expect(adopted.all).toEqual([]);
  adopted.receive(link, readerOf(first));
  adopted.removeLink(link);
  expect(adopted.receive(link, readerOf(second)).result).toBe('declined');
});
