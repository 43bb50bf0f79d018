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

/** Lets a gateway tell something. */
function tell(index: InterestIndex, from: GatewayLink, write: (writer: ByteWriter) => void): void {
  const writer = new ByteWriter();
  write(writer);
  const { buffer, length } = writer;
  const body = FRAME_LENGTH_BYTES + 1;
  index.handleFrame(from, buffer[body - 1] as number, new ByteReader().reset(buffer, body, length));
}

function knowing(index: InterestIndex, from: GatewayLink): void {
  for (const kind of [Uid, Group]) {
    tell(index, from, (writer) => writeInterestKnown(writer, kind, true));
  }
}

test('a gateway that has not told all its names may have any', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  index.follow(a);
  index.follow(b);
  knowing(index, a);
  expect(index.find(Uid, 'tom')).toEqual([b]);
  tell(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  tell(index, b, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([b, a]);
});

test('a name is looked for where it has members, kind by kind', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  for (const one of [a, b]) index.follow(one);
  for (const one of [a, b]) knowing(index, one);
  tell(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom', 'ann']));
  tell(index, b, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([a, b]);
  expect(index.find(Uid, 'ann')).toEqual([a]);
  expect(index.find(Group, 'tom')).toEqual([]);
  tell(index, a, (writer) => writeInterestRemoved(writer, Uid, ['tom']));
  expect(index.find(Uid, 'tom')).toEqual([b]);
  index.unfollow(b);
  expect(index.find(Uid, 'tom')).toEqual([]);
  expect(index.size).toBe(1);
});

test('it covers the links when all of them are followed', () => {
  const index = new InterestIndex();
  const [a, b] = [link(1), link(2)];
  expect(index.covers([a])).toBe(false);
  index.follow(a);
  expect(index.covers([a, b])).toBe(false);
  index.follow(b);
  expect(index.covers([a, b])).toBe(true);
});

test('a name that this process has joined a client to is there until the gateway has its own say', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.follow(a);
  knowing(index, a);
  index.noteJoin(a, Group, 'room');
  expect(index.find(Group, 'room')).toEqual([a]);
  // Told before the gateway had the join.
  tell(index, a, (writer) => writeInterestRemoved(writer, Group, ['room']));
  expect(index.find(Group, 'room')).toEqual([a]);
  // The client was gone: the join has made nothing.
  tell(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Group, 'room')).toEqual([]);
  expect(index.size).toBe(0);
});

test('a join that comes after an older one of the same name keeps it there', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.follow(a);
  knowing(index, a);
  index.noteJoin(a, Uid, 'tom');
  index.noteJoin(a, Uid, 'tom');
  tell(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Uid, 'tom')).toEqual([a]);
  tell(index, a, (writer) => writeInterestAdded(writer, Uid, ['tom']));
  tell(index, a, (writer) => writeJoinsApplied(writer, 2));
  expect(index.find(Uid, 'tom')).toEqual([a]);
});

test('joins that were sent before a gateway is followed count too', () => {
  const index = new InterestIndex();
  const a = link(1);
  index.noteJoin(a, Group, 'early');
  index.follow(a);
  knowing(index, a);
  index.noteJoin(a, Group, 'late');
  tell(index, a, (writer) => writeJoinsApplied(writer, 1));
  expect(index.find(Group, 'late')).toEqual([a]);
  expect(index.find(Group, 'early')).toEqual([]);
});

/** What a gateway does with joins of two callers: frames to each caller arrive late, in order. */
class ModelGateway {
  readonly link = link(1);
  readonly index = new InterestIndex();
  /** Clients by group; a join of a client that is gone does nothing. */
  readonly members = new Map<string, Set<number>>();
  readonly gone = new Set<number>();
  readonly commands: (() => void)[] = [];
  readonly news: (() => void)[] = [];
  #applied = 0;

  constructor() {
    this.index.follow(this.link);
    knowing(this.index, this.link);
  }

  /** The caller whose index this is joins a client to a group. */
  join(client: number, group: string): void {
    this.index.noteJoin(this.link, Group, group);
    this.commands.push(() => {
      this.add(client, group);
      this.#applied += 1;
      const applied = this.#applied;
      this.#send((writer) => writeJoinsApplied(writer, applied));
    });
  }

  add(client: number, group: string): void {
    if (this.gone.has(client)) return;
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
    this.gone.add(client);
    for (const group of [...this.members.keys()]) this.leave(client, group);
  }

  #send(write: (writer: ByteWriter) => void): void {
    this.news.push(() => tell(this.index, this.link, write));
  }
}

test('whoever joins a client and then sends reaches it, and in the end it is known exactly who is there', () => {
  const client = fc.integer({ min: 0, max: 3 });
  const group = fc.integer({ min: 0, max: 2 }).map((i) => `room ${i}`);
  const step = fc.oneof(
    fc.tuple(fc.constant('join' as const), client, group),
    fc.tuple(fc.constant('other joins' as const), client, group),
    fc.tuple(fc.constant('leave' as const), client, group),
    fc.tuple(fc.constant('close' as const), client, group),
    fc.tuple(fc.constant('carry out' as const), client, group),
    fc.tuple(fc.constant('hear' as const), client, group),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const gateway = new ModelGateway();
      const { index, members } = gateway;
      /** What this caller joined and nobody took out since. */
      const own = new Set<string>();
      const drop = (matches: (key: string) => boolean): void => {
        for (const key of own) if (matches(key)) own.delete(key);
      };
      for (const [what, who, where] of steps) {
        if (what === 'join') {
          if (!gateway.gone.has(who)) own.add(`${who} ${where}`);
          gateway.join(who, where);
        } else if (what === 'other joins') gateway.add(who, where);
        else if (what === 'leave') {
          drop((key) => key === `${who} ${where}`);
          gateway.leave(who, where);
        } else if (what === 'close') {
          drop((key) => key.startsWith(`${who} `));
          gateway.close(who);
        } else if (what === 'carry out') gateway.commands.shift()?.();
        else gateway.news.shift()?.();
        for (const key of own) {
          expect(index.find(Group, key.slice(key.indexOf(' ') + 1))).toEqual([gateway.link]);
        }
      }
      for (const carryOut of gateway.commands.splice(0)) carryOut();
      for (const hear of gateway.news.splice(0)) hear();
      for (const name of ['room 0', 'room 1', 'room 2']) {
        expect(index.find(Group, name)).toEqual(members.has(name) ? [gateway.link] : []);
      }
      expect(index.size).toBe(members.size);
    }),
    { numRuns: 500 },
  );
});
