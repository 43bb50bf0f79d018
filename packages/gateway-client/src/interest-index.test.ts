import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteReader,
  ByteWriter,
  FRAME_LENGTH_BYTES,
  InterestKind,
  writeInterestAdded,
  writeInterestKnown,
  writeInterestRemoved,
  writeJoinsApplied,
} from '@gatewayworker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GatewayLink } from './gateway-link.ts';
import { InterestIndex } from './interest-index.ts';

const { Uid, Group } = InterestKind;

function link(gatewayToken: number): GatewayLink {
  return new GatewayLink(new FrameConnection(new Socket(), new FlushScheduler()), {
    address: `10.0.0.${gatewayToken}:2900`,
    instanceId: `instance-${gatewayToken}`,
    gatewayToken,
    name: 'gateway',
  });
}

/** Handles a frame of a gateway. */
function receive(
  index: InterestIndex,
  from: GatewayLink,
  write: (writer: ByteWriter) => void,
): void {
  const writer = new ByteWriter();
  write(writer);
  const { buffer, length } = writer;
  const body = FRAME_LENGTH_BYTES + 1;
  index.handleFrame(from, buffer[body - 1] as number, new ByteReader().reset(buffer, body, length));
}

/** Reports all names of a gateway as known. */
function receiveAllKnown(index: InterestIndex, from: GatewayLink): void {
  for (const kind of [Uid, Group]) {
    receive(index, from, (writer) => writeInterestKnown(writer, kind, true));
  }
}

test('interest: a gateway that has not reported all names may have any name', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  index.follow(a);
  index.follow(b);
  receiveAllKnown(index, a);
  expect(index.find(Uid, 'tom')).toEqual([b]);
  receive(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  receive(index, b, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([b, a]);
});

test('interest: find returns the gateways with members, for each kind', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  for (const one of [a, b]) index.follow(one);
  for (const one of [a, b]) receiveAllKnown(index, one);
  receive(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom', 'ann']));
  receive(index, b, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([a, b]);
  expect(index.find(Uid, 'ann')).toEqual([a]);
  expect(index.find(Group, 'tom')).toEqual([]);
  receive(index, a, (writer) => writeInterestRemoved(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([b]);
  index.unfollow(b);
  expect(index.find(Uid, 'tom')).toEqual([]);
  expect(index.size).toBe(1);
});

test('interest: covers is true when all links are followed', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  expect(index.covers([a])).toBe(false);
  index.follow(a);
  expect(index.covers([a, b])).toBe(false);
  index.follow(b);
  expect(index.covers([a, b])).toBe(true);
});

test('interest: an own join counts until the gateway has applied it', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.follow(a);
  receiveAllKnown(index, a);
  index.recordJoin(a, Group, 'room');
  expect(index.find(Group, 'room')).toEqual([a]);
  // Reported before the gateway applied the join.
  receive(index, a, (writer) => writeInterestRemoved(writer, Group, ['room']));
  expect(index.find(Group, 'room')).toEqual([a]);
  // The client was disconnected, so the join had no effect.
  receive(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Group, 'room')).toEqual([]);
  expect(index.size).toBe(0);
});

test('interest: a second own join of a name counts until it is applied', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.follow(a);
  receiveAllKnown(index, a);
  index.recordJoin(a, Uid, 'tom');
  index.recordJoin(a, Uid, 'tom');
  receive(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Uid, 'tom')).toEqual([a]);
  receive(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  receive(index, a, (writer) => writeJoinsApplied(writer, 2));
  expect(index.find(Uid, 'tom')).toEqual([a]);
});

test('interest: joins sent before the subscription are counted as applied', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.recordJoin(a, Group, 'early');
  index.follow(a);
  receiveAllKnown(index, a);
  index.recordJoin(a, Group, 'late');
  receive(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Group, 'late')).toEqual([a]);
  expect(index.find(Group, 'early')).toEqual([]);
});

/** Model of a gateway with two callers. Its frames to a caller arrive late, in order. */
class ModelGateway {
  readonly link = link(1);
  readonly index = new InterestIndex();
  /** Clients by group; a join of a closed client has no effect. */
  readonly members = new Map<string, Set<number>>();
  readonly closed = new Set<number>();
  readonly commands: (() => void)[] = [];
  readonly reports: (() => void)[] = [];
  #applied = 0;

  constructor() {
    this.index.follow(this.link);
    receiveAllKnown(this.index, this.link);
  }

  /** The caller that owns the index joins a client to a group. */
  join(client: number, group: string): void {
    this.index.recordJoin(this.link, Group, group);
    this.commands.push(() => {
      this.add(client, group);
      this.#applied += 1;
      const applied = this.#applied;
      this.#send((writer) => writeJoinsApplied(writer, applied));
    });
  }

  add(client: number, group: string): void {
    if (this.closed.has(client)) return;
    const members = this.members.get(group) ?? new Set();
    if (members.size === 0) this.#send((writer) => writeInterestAdded(writer, Group, [group]));
    this.members.set(group, members.add(client));
  }

  leave(client: number, group: string): void {
    const members = this.members.get(group);
    if (members?.delete(client) !== true || members.size > 0) return;
    this.members.delete(group);
    this.#send((writer) => writeInterestRemoved(writer, Group, [group]));
  }

  close(client: number): void {
    this.closed.add(client);
    for (const group of [...this.members.keys()]) this.leave(client, group);
  }

  #send(write: (writer: ByteWriter) => void): void {
    this.reports.push(() => receive(this.index, this.link, write));
  }
}

test('interest: own joins are found at once, and the final state is exact', () => {
  const client = fc.integer({ min: 0, max: 3 });
  const group = fc.integer({ min: 0, max: 2 }).map((i) => `room ${i}`);
  const step = fc.oneof(
    fc.tuple(fc.constant('join' as const), client, group),
    fc.tuple(fc.constant('other joins' as const), client, group),
    fc.tuple(fc.constant('leave' as const), client, group),
    fc.tuple(fc.constant('close' as const), client, group),
    fc.tuple(fc.constant('apply' as const), client, group),
    fc.tuple(fc.constant('deliver' as const), client, group),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const gateway = new ModelGateway();
      const { index, members } = gateway;
      /** Memberships made by this caller and not removed since. */
      const own = new Set<string>();
      const drop = (matches: (key: string) => boolean): void => {
        for (const key of own) if (matches(key)) own.delete(key);
      };
      for (const [what, who, where] of steps) {
        if (what === 'join') {
          if (!gateway.closed.has(who)) own.add(`${who} ${where}`);
          gateway.join(who, where);
        } else if (what === 'other joins') gateway.add(who, where);
        else if (what === 'leave') {
          drop((key) => key === `${who} ${where}`);
          gateway.leave(who, where);
        } else if (what === 'close') {
          drop((key) => key.startsWith(`${who} `));
          gateway.close(who);
        } else if (what === 'apply') gateway.commands.shift()?.();
        else gateway.reports.shift()?.();
        for (const key of own) {
          expect(index.find(Group, key.slice(key.indexOf(' ') + 1))).toEqual([gateway.link]);
        }
      }
      for (const apply of gateway.commands.splice(0)) apply();
      for (const deliver of gateway.reports.splice(0)) deliver();
      for (const name of ['room 0', 'room 1', 'room 2']) {
        expect(index.find(Group, name)).toEqual(members.has(name) ? [gateway.link] : []);
      }
      expect(index.size).toBe(members.size);
    }),
    { numRuns: 500 },
  );
});
