import {
  ByteReader,
  ByteWriter,
  type ClientAddress,
  Command,
  FrameDecoder,
  formatClientId,
  type LaneReceivers,
  type Message,
  readFlags,
  readMessage,
  readOffset,
  readRequestNumber,
} from '@gatewayworker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lane } from './lane.ts';
import { ReplayPass } from './replay-pass.ts';

/** Added to every age. */
const SLACK_MS = 1000;

function clientOf(connection: number): ClientAddress {
  // Two clients with the same last field, so that the others must be compared.
  return { gatewayToken: 1, connection, nonceHigh: 5, nonceLow: connection >> 1 };
}

/** A lane with a clock that is set by the test. */
class TimedLane extends Lane {
  readonly clock: { now: number };

  constructor() {
    const clock = { now: 10_000 };
    super(() => clock.now);
    this.clock = clock;
  }
}

/** What the gateway gets for one request. */
interface Answer {
  offsets: number[];
  texts: string[];
  done: Message<'replayDone'> | undefined;
}

/** A link that is full after every few frames, and the answers that it has carried. */
class RecordedOutput {
  readonly answers = new Map<number, Answer>();
  /** Frames that fit in before the link is full. */
  room = Number.POSITIVE_INFINITY;
  readonly #written = new ByteWriter();

  get isFull(): boolean {
    return this.room <= 0;
  }

  writer(): ByteWriter {
    this.room -= 1;
    return this.#written;
  }

  /** Reads the frames written since the last call. */
  read(source: number): void {
    const bytes = Buffer.from(this.#written.buffer.subarray(0, this.#written.length));
    this.#written.length = 0;
    new FrameDecoder((command, buffer, start, end) => {
      if (command === Command.Replay) {
        const reader = new ByteReader().reset(buffer, start, end);
        const answer = this.#answerTo(reader.readU32());
        expect(answer.done).toBeUndefined();
        expect(reader.readU32()).toBe(source);
        expect(readRequestNumber(reader)).toBe(0);
        answer.offsets.push(readOffset(reader, readFlags(reader)));
        answer.texts.push(reader.readRestUtf8());
        return undefined;
      }
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'replayDone') throw new Error(`unexpected command ${command}`);
      const answer = this.#answerTo(message.requestId);
      expect(answer.done).toBeUndefined();
      answer.done = message;
      return undefined;
    }).push(bytes);
  }

  #answerTo(requestId: number): Answer {
    const answer = this.answers.get(requestId) ?? { offsets: [], texts: [], done: undefined };
    this.answers.set(requestId, answer);
    return answer;
  }
}

function requestOf(
  source: number,
  fields: Partial<Message<'replayRequest'>> & {
    readonly connection: number;
    readonly position?: number | undefined;
  },
): Message<'replayRequest'> {
  const { connection, position, ...rest } = fields;
  return {
    type: 'replayRequest',
    requestId: connection,
    clientId: formatClientId(clientOf(connection)),
    connection,
    nonceHigh: 0,
    nonceLow: 0,
    ageMs: 60_000,
    uid: undefined,
    uidAgeMs: 60_000,
    groups: [],
    positions: position === undefined ? [] : [{ source, offset: position }],
    ...rest,
  };
}

/** Runs one pass to its end and returns the offsets for each request. */
function replay(lane: TimedLane, ...requests: readonly Message<'replayRequest'>[]): Answer[] {
  const output = new RecordedOutput();
  const pass = new ReplayPass(lane, requests, output, { now: () => lane.clock.now });
  expect(pass.run(Number.POSITIVE_INFINITY)).toBe(true);
  output.read(lane.source);
  return requests.map(({ requestId }) => {
    const answer = output.answers.get(requestId);
    if (answer === undefined) throw new Error(`no answer to ${requestId}`);
    return answer;
  });
}

function createLane(maxAgeMs = 60_000, maxBytes = 1_000_000): TimedLane {
  const lane = new TimedLane();
  lane.activate(maxAgeMs, maxBytes);
  return lane;
}

test('replay: a client gets what is for its id, uid and groups, and for all', () => {
  const lane = createLane();
  const [first, second] = [clientOf(2), clientOf(3)];
  const receivers: LaneReceivers[] = [
    { kind: 'clients', clients: [first] },
    { kind: 'clients', clients: [second, first] },
    { kind: 'uids', uids: ['u', 'v'] },
    { kind: 'groups', groups: ['g', 'h'], excluded: [] },
    { kind: 'groups', groups: ['g'], excluded: [first] },
    { kind: 'all', excluded: [second] },
  ];
  for (const each of receivers) lane.record(each, 'x');
  const groups = ['g', 'h'].map((group) => ({ group, ageMs: 0 }));
  const answers = replay(
    lane,
    requestOf(lane.source, { connection: 2, uid: 'u', groups }),
    requestOf(lane.source, { connection: 3, uid: 'w', groups: groups.slice(0, 1), position: 2 }),
    requestOf(lane.source, { connection: 4 }),
  );
  expect(answers.map(({ offsets }) => offsets)).toEqual([[1, 2, 3, 4, 6], [4, 5], [6]]);
  expect(answers.map(({ done }) => done?.positions)).toEqual(
    Array(3).fill([{ source: lane.source, offset: 6 }]),
  );
  expect(answers.map(({ done }) => done?.gaps)).toEqual([[], [], []]);
});

test('replay: a client gets nothing from before it had the uid or the group', () => {
  const lane = createLane();
  for (let sent = 0; sent < 5; sent++) {
    lane.record({ kind: 'uids', uids: ['u'] }, 'x');
    lane.record({ kind: 'groups', groups: ['g'], excluded: [] }, 'x');
    lane.record({ kind: 'all', excluded: [] }, 'x');
    lane.clock.now += 1000;
  }
  const own = { uid: 'u', uidAgeMs: 0, groups: [{ group: 'g', ageMs: 1000 }], ageMs: 2000 };
  const [unknown, known] = replay(
    lane,
    requestOf(lane.source, { connection: 2, ...own }),
    requestOf(lane.source, { connection: 3, ...own, position: 1 }),
  );
  expect(unknown?.offsets).toEqual([9, 11, 12, 13, 14, 15]);
  expect(known?.offsets).toEqual([3, 6, 9, 11, 12, 13, 14, 15]);
});

test('replay: a gap names evicted sends, but not those from before the session', () => {
  const lane = createLane(5000);
  for (let sent = 0; sent < 5; sent++) {
    lane.record({ kind: 'all', excluded: [] }, 'x');
    lane.clock.now += 2000;
  }
  // Sends 1 to 3 are older than 5 s. The third is 6 s old.
  const gapOf = (fields: { position?: number; ageMs?: number }) =>
    replay(lane, requestOf(lane.source, { connection: 2, ...fields }))[0]?.done?.gaps;
  lane.evict();
  expect(lane.evictedOffset).toBe(3);
  const gap = [{ source: lane.source, offset: 3 }];
  expect(gapOf({})).toEqual(gap);
  expect(gapOf({ position: 2 })).toEqual(gap);
  expect(gapOf({ position: 3 })).toEqual([]);
  expect(gapOf({ ageMs: 4999 })).toEqual([]);
  expect(gapOf({ ageMs: 5000 })).toEqual(gap);
});

test('replay: an empty lane is answered at once', () => {
  const lane = createLane();
  const [answer] = replay(lane, requestOf(lane.source, { connection: 2, clientId: 'unknown' }));
  expect(answer?.offsets).toEqual([]);
  expect(answer?.done).toMatchObject({ positions: [{ offset: 0 }], gaps: [] });
});

const names = fc.subarray(['a', 'b', 'c']);
const connections = fc.subarray([0, 1, 2, 3]);
const sends = fc.record({
  kind: fc.constantFrom('clients', 'uids', 'groups', 'all'),
  names,
  clients: connections,
  size: fc.nat(300),
  pauseMs: fc.nat(400),
});
const requests = fc.record({
  connection: fc.nat(3),
  uid: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  groups: names,
  position: fc.option(fc.nat(30), { nil: undefined }),
  ageMs: fc.nat(3000),
  uidAgeMs: fc.nat(3000),
  groupAgeMs: fc.nat(3000),
});
type Send = typeof sends extends fc.Arbitrary<infer T> ? T : never;
type Request = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function receiversOf({ kind, names: own, clients }: Send): LaneReceivers {
  const addresses = clients.map(clientOf);
  if (kind === 'clients') return { kind, clients: addresses };
  if (kind === 'uids') return { kind, uids: own };
  if (kind === 'groups') return { kind, groups: own, excluded: addresses };
  return { kind: 'all', excluded: addresses };
}

/** What the document says about one send and one request. */
function isFor(send: Send, age: number, request: Request): boolean {
  const { connection, uid, position } = request;
  const isNamed = send.clients.includes(connection);
  switch (send.kind) {
    case 'clients':
      return isNamed;
    case 'uids':
      return uid !== undefined && send.names.includes(uid) && age <= request.uidAgeMs + SLACK_MS;
    case 'groups':
      if (isNamed || age > request.groupAgeMs + SLACK_MS) return false;
      return send.names.some((name) => request.groups.includes(name));
    default:
      return !isNamed && (position !== undefined || age <= request.ageMs + SLACK_MS);
  }
}

test('replay: every send for a client arrives once and in order, or a gap covers it', () => {
  const history = fc.record({
    sends: fc.array(sends, { maxLength: 40 }),
    /** Number of sends before the pass starts; the others follow while it runs. */
    before: fc.nat(40),
    requests: fc.array(requests, { minLength: 1, maxLength: 5 }),
    maxAgeMs: fc.integer({ min: 100, max: 10_000 }),
    maxBytes: fc.integer({ min: 300, max: 20_000 }),
    /** Frames that the link takes before each send. */
    room: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(history, (given) => {
      const lane = createLane(given.maxAgeMs, given.maxBytes);
      const sentAt: number[] = [];
      const record = (send: Send): void => {
        lane.clock.now += send.pauseMs;
        sentAt.push(lane.clock.now);
        const offset = lane.record(receiversOf(send), String(sentAt.length).padEnd(send.size));
        expect(offset).toBe(sentAt.length);
        expect(lane.bytes).toBeLessThanOrEqual(given.maxBytes);
      };
      given.sends.slice(0, given.before).forEach(record);
      const asked = given.requests.map((request, requestId) => ({
        ...requestOf(lane.source, { ...request, requestId, groups: [] }),
        groups: request.groups.map((group) => ({ group, ageMs: request.groupAgeMs })),
      }));
      const askedAt = lane.clock.now;
      const output = new RecordedOutput();
      const pass = new ReplayPass(lane, asked, output, { now: () => lane.clock.now });
      const isDoneAfter = new Map<number, number>();
      const run = (room: number): boolean => {
        output.room = room;
        const isComplete = pass.run(Number.POSITIVE_INFINITY);
        output.read(lane.source);
        for (const [requestId, { done }] of output.answers) {
          if (done !== undefined && !isDoneAfter.has(requestId)) {
            isDoneAfter.set(requestId, sentAt.length);
          }
        }
        return isComplete;
      };
      for (const send of given.sends.slice(given.before)) {
        run(given.room);
        record(send);
      }
      expect(run(Number.POSITIVE_INFINITY)).toBe(true);
      given.requests.forEach((request, requestId) => {
        const answer = output.answers.get(requestId);
        const last = isDoneAfter.get(requestId) ?? -1;
        expect(answer?.done?.positions).toEqual([{ source: lane.source, offset: last }]);
        const gap = answer?.done?.gaps[0]?.offset ?? 0;
        const expected: number[] = [];
        for (let offset = (request.position ?? 0) + 1; offset <= last; offset++) {
          const send = given.sends[offset - 1];
          const age = askedAt - (sentAt[offset - 1] ?? 0);
          if (send !== undefined && isFor(send, age, request)) expected.push(offset);
        }
        const received = answer?.offsets ?? [];
        const missing = expected.filter((offset) => !received.includes(offset));
        expect(received).toEqual(expected.filter((offset) => !missing.includes(offset)));
        expect(answer?.texts.map((text) => Number(text))).toEqual(received);
        // A send to a client from before its session may be missing without a gap: such a client did not exist.
        const startedAt = askedAt - request.ageMs - SLACK_MS;
        const lost = missing.filter((offset) => (sentAt[offset - 1] ?? 0) >= startedAt);
        expect(lost.filter((offset) => offset > gap)).toEqual([]);
      });
    }),
    { numRuns: 500 },
  );
});
