import { FlushScheduler, FrameConnection, Guard } from '@gatewayworker/core';
import {
  ByteReader,
  ByteWriter,
  Command,
  FrameDecoder,
  formatClientId,
  type LaneReceivers,
  type Message,
  readFlags,
  readLanePosition,
  readMessage,
  readOffset,
  writeMessage,
  writeUngroup,
} from '@gatewayworker/protocol';
import { eventually, FaultyGuard, MemorySocket } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { AliasTable } from './alias-table.ts';
import { GatewayLink } from './gateway-link.ts';
import { Lane } from './lane.ts';
import { LaneLinks } from './lane-links.ts';

const MAX_PENDING_BYTES = 4096;
const toAll: LaneReceivers = { kind: 'all', excluded: [] };
const id = { gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 6 };
const clientId = formatClientId(id);
const address = { connection: 1, nonceHigh: 2, nonceLow: 3 };

/** Links in memory to gateways with these tokens. */
function createLinks(gatewayTokens: readonly number[], guard = new Guard()) {
  const lane = new Lane();
  const aliases = new AliasTable();
  const laneLinks = new LaneLinks(lane, aliases, MAX_PENDING_BYTES, guard);
  const gateways = gatewayTokens.map((gatewayToken) => {
    const socket = new MemorySocket();
    const connection = new FrameConnection(socket, new FlushScheduler());
    onTestFinished(() => connection.destroy());
    const link = new GatewayLink(connection, {
      address: `10.0.0.${gatewayToken}:2900`,
      instanceId: `instance-${gatewayToken}`,
      gatewayToken,
      name: 'gateway',
    });
    connection.output.onDrain = () => laneLinks.handleDrain(link);
    const receive = (message: Message): void => {
      const writer = new ByteWriter();
      writeMessage(writer, message);
      const { buffer, length } = writer;
      laneLinks.handleFrame(link, buffer.readUInt8(4), buffer, 5, length);
    };
    return { link, socket, connection, receive };
  });
  return { lane, aliases, laneLinks, gateways };
}

function createLink(guard?: Guard) {
  const { gateways, ...others } = createLinks([2], guard);
  const [gateway] = gateways;
  if (gateway === undefined) throw new Error('no gateway');
  return { ...gateway, ...others };
}

/** What a gateway has received, one word per frame: offsets of replays, and requests that are done. */
function framesOf(socket: MemorySocket): string[] {
  const frames: string[] = [];
  new FrameDecoder((command, buffer, start, end) => {
    const reader = new ByteReader().reset(buffer, start, end);
    if (command === Command.LaneStarted) frames.push(`started ${readLanePosition(reader).offset}`);
    else if (command === Command.LaneGap) frames.push(`gap ${readLanePosition(reader).offset}`);
    else if (command === Command.Ungroup) frames.push('command');
    else if (command === Command.Replay) {
      reader.reset(buffer, start + 16, end);
      frames.push(String(readOffset(reader, readFlags(reader))));
    } else {
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'replayDone') throw new Error(`unexpected command ${command}`);
      const { requestId, positions, gaps } = message;
      const missing = gaps.map(({ offset }) => ` gap ${offset}`).join('');
      frames.push(`done ${requestId} at ${positions[0]?.offset}${missing}`);
    }
    return undefined;
  }).push(socket.written);
  return frames;
}

function requestOf(requestId: number): Message<'replayRequest'> {
  return {
    type: 'replayRequest',
    requestId,
    clientId,
    ...address,
    ageMs: 60_000,
    uid: undefined,
    uidAgeMs: 0,
    groups: [],
    positions: [],
  };
}

const subscribe = { type: 'laneSubscribe', maxAgeMs: 60_000, maxBytes: 10_000_000 } as const;

test('lane links: LaneSubscribe starts the lane and is answered with its position', async () => {
  const { lane, link, socket, receive } = createLink();
  expect([lane.isActive, link.isNumbered]).toEqual([false, false]);
  receive(subscribe);
  expect([lane.isActive, link.isNumbered]).toEqual([true, true]);
  lane.record(toAll, 'x');
  receive(subscribe);
  await eventually(() => framesOf(socket).length === 2);
  expect(framesOf(socket)).toEqual(['started 0', 'started 1']);
});

test('lane links: requests of one turn share a pass, and end after every kept send', async () => {
  const { lane, socket, receive } = createLink();
  receive(subscribe);
  lane.record(toAll, 'x');
  receive(requestOf(1));
  receive(requestOf(2));
  lane.record(toAll, 'y');
  await eventually(() => framesOf(socket).length === 7);
  expect(framesOf(socket)).toEqual([
    'started 0',
    ...['1', '1', '2', '2'],
    ...['done 1 at 2', 'done 2 at 2'],
  ]);
});

test('lane links: the replay of a full link continues when it has room', async () => {
  const { lane, socket, connection, receive } = createLink();
  receive(subscribe);
  for (let sent = 0; sent < 1000; sent++) lane.record(toAll, 'x'.repeat(100));
  socket.isFull = true;
  receive(requestOf(1));
  await eventually(() => connection.output.isBlocked);
  expect(connection.output.pendingBytes).toBeLessThan(MAX_PENDING_BYTES + 200);
  lane.record(toAll, 'later');
  socket.accept();
  await eventually(() => framesOf(socket).includes('done 1 at 1001'));
  const offsets = Array.from({ length: 1001 }, (_, index) => String(index + 1));
  expect(framesOf(socket)).toEqual(['started 0', ...offsets, 'done 1 at 1001']);
});

test('lane links: a full link does not delay the replay of another', async () => {
  const { lane, gateways } = createLinks([2, 3]);
  for (const { receive } of gateways) receive(subscribe);
  lane.record(toAll, 'x'.repeat(MAX_PENDING_BYTES));
  lane.record(toAll, 'x');
  const [full, other] = gateways;
  if (full === undefined || other === undefined) throw new Error('no gateway');
  full.socket.isFull = true;
  full.receive(requestOf(1));
  other.receive(requestOf(1));
  await eventually(() => framesOf(other.socket).includes('done 1 at 2'));
  expect(framesOf(full.socket)).toEqual([]);
  full.socket.accept();
  await eventually(() => framesOf(full.socket).includes('done 1 at 2'));
});

test('lane links: refused sends are reported once, when the link has room', async () => {
  const { lane, link, laneLinks, socket, connection } = createLink();
  lane.activate(60_000, 10_000_000);
  socket.isFull = true;
  writeUngroup(connection.writer(), 'x'.repeat(MAX_PENDING_BYTES));
  laneLinks.recordRefused(link, lane.record(toAll, 'x'));
  await eventually(() => connection.output.isBlocked);
  laneLinks.recordRefused(link, lane.record(toAll, 'x'));
  socket.accept();
  await eventually(() => framesOf(socket).length === 2);
  expect(framesOf(socket)).toEqual(['command', 'gap 2']);
  expect(link.refusedOffset).toBe(0);
});

test('lane links: refused sends are reported although the link was never blocked', async () => {
  const { lane, link, laneLinks, socket, connection } = createLink();
  writeUngroup(connection.writer(), 'x'.repeat(MAX_PENDING_BYTES));
  laneLinks.recordRefused(link, lane.record(toAll, 'x'));
  await eventually(() => framesOf(socket).length === 2);
  expect(framesOf(socket)).toEqual(['command', 'gap 1']);
});

test('lane links: with too many requests, the rest learn that messages are missing', async () => {
  const { lane, socket, receive } = createLink();
  receive(subscribe);
  lane.record({ kind: 'uids', uids: ['u'] }, 'x');
  for (let requestId = 0; requestId <= 100_000; requestId++) receive(requestOf(requestId));
  // Refused at once, so before the answers of the pass.
  await eventually(() => framesOf(socket).length > 1);
  expect(framesOf(socket).slice(0, 2)).toEqual(['started 0', 'done 100000 at 1 gap 1']);
});

test('lane links: frames of a gateway add and remove aliases', () => {
  const { aliases, gateways, laneLinks } = createLinks([2, 3]);
  const [second, third] = gateways;
  second?.receive(requestOf(1));
  expect(aliases.find(id)).toMatchObject({ link: second?.link, ...address });
  third?.receive({ type: 'aliasAdded', clientId, ...address });
  expect(aliases.find(id)).toMatchObject({ link: third?.link });
  third?.receive({ type: 'aliasRemoved', clientId, connection: 1 });
  expect(aliases.size).toBe(0);
  third?.receive({ type: 'aliasAdded', clientId, ...address });
  if (third !== undefined) laneLinks.removeLink(third.link);
  expect(aliases.size).toBe(0);
});

test('lane links: an exception ends only the link of the replay', async () => {
  const guard = new FaultyGuard();
  const { lane, gateways } = createLinks([2, 3], guard);
  const [broken, other] = gateways;
  for (const { receive } of gateways) receive(subscribe);
  lane.record(toAll, 'x');
  guard.arm('replay');
  for (const { receive } of gateways) receive(requestOf(1));
  await eventually(() => other !== undefined && framesOf(other.socket).includes('done 1 at 1'));
  expect([guard.thrown, broken?.connection.isOpen, other?.connection.isOpen]).toEqual([
    1,
    false,
    true,
  ]);
});
