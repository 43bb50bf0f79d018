import { eventually } from '@gatewayworker/testing';
import { GatewayClient } from 'gatewayworker';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Call } from './fixtures/every-row/calls.ts';
import {
  type Caller,
  callOutside,
  type EveryRow,
  type Member,
  startEveryRow,
} from './fixtures/every-row/every-row.ts';

/**
 * Four clients, two at each gateway process, two bound to each worker process. `anna` has the first and
 * the second, `bob` the third, the fourth has no uid. `both` has all but the third, `first` the first
 * and the third, `last` the fourth. Only the first and the second have a session.
 */
type Ids = readonly [a: string, b: string, c: string, d: string];

const paths = [
  '/?uid=anna&group=both&group=first&session={"name":"a","deep":{"x":1,"list":[1,2]}}',
  '/?uid=anna&group=both&session={"name":"b"}',
  '/?uid=bob&group=first',
  '/?group=both&group=last',
];

/** What the sessions of the first two are at first. */
const sessions = [{ name: 'a', deep: { x: 1, list: [1, 2] } }, { name: 'b' }];

const sides = ['worker 0', 'worker 1', 'outside'] as const;

/** An id that no gateway has given, and one of a live gateway that no client has. */
const foreign = 'A'.repeat(20);
let stale: string;

let row: EveryRow;
let callers: Record<(typeof sides)[number], Caller>;
let members: Member[];
let ids: Ids;
/** Clients that make the calls of the workers. */
let others: string[];
/** Methods that any test has called. */
const called = new Set<string>();

beforeAll(async () => {
  row = await startEveryRow([{ scheme: 'websocket', name: 'row-websocket' }, { scheme: 'text' }], {
    worker: { queryTimeoutMs: 1000 },
  });
  const inside = [await row.callInside(0), await row.callInside(1)] as const;
  const api = await row.connectApi({ queryTimeoutMs: 1000 });
  callers = { 'worker 0': inside[0], 'worker 1': inside[1], outside: callOutside(api) };
  others = await api.getAllClientIdList();
});

afterAll(() => row?.dispose());

beforeEach(async () => {
  members = await openOnEveryProcess();
  const [a, b, c, d] = members.map(({ id }) => id);
  ids = [a ?? '', b ?? '', c ?? '', d ?? ''];
  stale = ids[0].slice(0, 5) + 'A'.repeat(15);
  await quiet();
});

afterEach(async () => {
  for (const { client } of members) client.terminate();
  await quiet(others.length);
});

/** Four clients that have both gateways and both workers. */
async function openOnEveryProcess(): Promise<Member[]> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const opened = await row.openBoth(4, (index) => paths[index] ?? '/');
    if (new Set(opened.map(({ worker }) => worker)).size === 2) return opened;
    await Promise.all(opened.map(({ client }) => client.close()));
    await quiet(others.length);
  }
  throw new Error('four clients are always bound to one worker');
}

/** Waits until the clients that are on their way out are gone. */
async function quiet(count = others.length + 4): Promise<void> {
  await eventually(async () => (await callers.outside.get('getAllClientIdCount')) === count);
}

/** Makes the calls and answers what each of the four clients got of them. */
async function received(side: (typeof sides)[number], calls: readonly Call[]): Promise<unknown[]> {
  const fence = `fence ${Math.random()}`;
  const outcomes = await callers[side].run(...calls, ['sendToAll', fence, { only: ids }]);
  for (const [method] of calls) called.add(method);
  expect(outcomes).toEqual(outcomes.map(() => ({ value: true })));
  return await Promise.all(
    members.map(({ client }) =>
      eventually(() => {
        const end = client.messages.indexOf(fence);
        return end >= 0 && client.messages.splice(0, end + 1).slice(0, -1);
      }),
    ),
  );
}

/** An answer with its lists in the order of the alphabet: gateways answer in any. */
function inOrder(answer: unknown): unknown {
  if (answer instanceof Map) {
    return new Map(Array.from(answer, ([key, value]) => [key, inOrder(value)]));
  }
  return Array.isArray(answer) ? answer.toSorted() : answer;
}

const nothing: readonly unknown[] = [];
const m = ['m'];
const bytes = Buffer.from([0, 1, 254, 255]);

/** What each of the four clients gets when the calls are made in one go. */
const sends: readonly (readonly [
  name: string,
  calls: (ids: Ids) => readonly Call[],
  expected: readonly (readonly unknown[])[],
])[] = [
  ['sendToAll reaches everybody', () => [['sendToAll', 'm']], [m, m, m, m]],
  [
    'sendToAll with bytes is a binary frame',
    () => [['sendToAll', bytes]],
    [[bytes], [bytes], [bytes], [bytes]],
  ],
  [
    'sendToAll reaches only those named, without those excluded',
    ([a, b, c]) => [['sendToAll', 'm', { only: [a, b, c, stale, foreign, 'x'], exclude: [b] }]],
    [m, nothing, m, nothing],
  ],
  [
    'sendToAll passes over those excluded',
    ([a, b]) => [['sendToAll', 'm', { exclude: [a, b] }]],
    [nothing, nothing, m, m],
  ],
  [
    'sendToAll to an empty list reaches nobody',
    () => [['sendToAll', 'm', { only: [] }]],
    [nothing, nothing, nothing, nothing],
  ],
  [
    'sendToClient reaches one, in order, as text and as bytes',
    ([, b]) => [
      ['sendToClient', b, 'm'],
      ['sendToClient', b, new Uint8Array([1])],
      ['sendToClient', b, ''],
    ],
    [nothing, ['m', Buffer.from([1]), ''], nothing, nothing],
  ],
  [
    'sendToUid reaches every client of it, at both gateways',
    () => [['sendToUid', 'anna', 'm']],
    [m, m, nothing, nothing],
  ],
  [
    'sendToUid takes several uids',
    () => [['sendToUid', ['bob', 'anna', 'nobody'], 'm']],
    [m, m, m, nothing],
  ],
  [
    'sendToGroup reaches its members, at both gateways',
    () => [['sendToGroup', 'both', 'm']],
    [m, m, nothing, m],
  ],
  [
    'sendToGroup of several groups reaches who is in two of them once',
    () => [['sendToGroup', ['both', 'first', 'empty'], 'm']],
    [m, m, m, m],
  ],
  [
    'sendToGroup passes over those excluded',
    ([a, , , d]) => [['sendToGroup', 'both', 'm', { exclude: [a, d] }]],
    [nothing, m, nothing, nothing],
  ],
  [
    'bindUid takes a number, which is its decimal string',
    ([, , , d]) => [
      ['bindUid', d, 7],
      ['sendToUid', '7', 'm'],
      ['sendToUid', 7, 'n'],
    ],
    [nothing, nothing, nothing, ['m', 'n']],
  ],
  [
    'bindUid: the last bind wins',
    ([a]) => [
      ['bindUid', a, 'bob'],
      ['sendToUid', 'bob', 'm'],
      ['sendToUid', 'anna', 'n'],
    ],
    [m, ['n'], m, nothing],
  ],
  [
    'unbindUid takes the uid from one client only',
    ([a]) => [
      ['unbindUid', a],
      ['sendToUid', 'anna', 'm'],
    ],
    [nothing, m, nothing, nothing],
  ],
  [
    'joinGroup and leaveGroup count for what is sent afterwards',
    ([, b, , d]) => [
      ['sendToGroup', 'last', '1'],
      ['joinGroup', b, 'last'],
      ['sendToGroup', 'last', '2'],
      ['leaveGroup', d, 'last'],
      ['sendToGroup', 'last', '3'],
    ],
    [nothing, ['2', '3'], nothing, ['1', '2']],
  ],
  [
    'ungroup empties one group',
    () => [
      ['ungroup', 'both'],
      ['sendToGroup', 'both', 'm'],
      ['sendToGroup', 'first', 'n'],
    ],
    [['n'], nothing, ['n'], nothing],
  ],
  [
    'ids, uids and groups that nobody has reach nobody and harm nobody',
    () => [
      ['sendToClient', stale, 'm'],
      ['sendToUid', 'nobody', 'm'],
      ['sendToGroup', 'empty', 'm'],
      ['bindUid', stale, 'anna'],
      ['unbindUid', stale],
      ['joinGroup', stale, 'both'],
      ['leaveGroup', stale, 'both'],
      ['ungroup', 'empty'],
      ['setSession', stale, {}],
      ['updateSession', stale, {}],
      ['closeClient', stale, 'bye'],
      ['destroyClient', stale],
      ['closeUid', 'nobody', 'bye'],
      ['closeGroup', 'empty', 'bye'],
      ['sendToUid', 'anna', 'n'],
    ],
    [['n'], ['n'], nothing, nothing],
  ],
];

/** What each query answers of the four clients. */
const queries: readonly (readonly [call: (ids: Ids) => Call, expected: (ids: Ids) => unknown])[] = [
  [([a]) => ['isOnline', a], () => true],
  [() => ['isOnline', stale], () => false],
  [() => ['isOnline', foreign], () => false],
  [() => ['isOnline', 'x'], () => false],
  [() => ['isUidOnline', 'anna'], () => true],
  [() => ['isUidOnline', 7], () => false],
  [
    () => ['isUidsOnline', ['anna', 7, 'bob']],
    () =>
      new Map([
        ['anna', true],
        ['7', false],
        ['bob', true],
      ]),
  ],
  [() => ['isUidsOnline', []], () => new Map()],
  [() => ['getClientIdByUid', 'anna'], ([a, b]) => [a, b]],
  [() => ['getClientIdByUid', 'nobody'], () => []],
  [
    () => ['batchGetClientIdByUid', ['anna', 'nobody', 'bob', 'bob']],
    ([a, b, c]) =>
      new Map([
        ['anna', [a, b]],
        ['nobody', []],
        ['bob', [c]],
      ]),
  ],
  [([, , c]) => ['getUidByClientId', c], () => 'bob'],
  [([, , , d]) => ['getUidByClientId', d], () => null],
  [() => ['getUidByClientId', stale], () => null],
  [() => ['getAllClientIdList'], (all) => [...all, ...others]],
  [() => ['getAllClientIdCount'], () => 4 + others.length],
  [() => ['getAllClientCount'], () => 4 + others.length],
  [
    () => ['getAllClientSessions'],
    ([a, b, c, d]) =>
      new Map<string, unknown>([
        [a, sessions[0]],
        [b, sessions[1]],
        ...[c, d, ...others].map((id) => [id, undefined] as const),
      ]),
  ],
  [() => ['getAllUidList'], () => ['anna', 'bob']],
  [() => ['getAllUidCount'], () => 2],
  [() => ['getClientIdListByGroup', 'both'], ([a, b, , d]) => [a, b, d]],
  [() => ['getClientIdListByGroup', 'empty'], () => []],
  [() => ['getClientIdCountByGroup', 'both'], () => 3],
  [() => ['getClientCountByGroup', 'both'], () => 3],
  [
    () => ['batchGetClientIdCountByGroup', ['both', 'empty', 'first']],
    () =>
      new Map([
        ['both', 3],
        ['empty', 0],
        ['first', 2],
      ]),
  ],
  [
    () => ['getClientSessionsByGroup', 'both'],
    ([a, b, , d]) =>
      new Map<string, unknown>([
        [a, sessions[0]],
        [b, sessions[1]],
        [d, undefined],
      ]),
  ],
  [() => ['getUidListByGroup', 'both'], () => ['anna']],
  [() => ['getUidListByGroup', 'first'], () => ['anna', 'bob']],
  [() => ['getUidCountByGroup', 'both'], () => 1],
  [() => ['getUidCountByGroup', 'last'], () => 0],
  [() => ['getAllGroupIdList'], () => ['both', 'first', 'last']],
  [
    () => ['getAllGroupClientIdList'],
    ([a, b, c, d]) =>
      new Map([
        ['both', [a, b, d]],
        ['first', [a, c]],
        ['last', [d]],
      ]),
  ],
  [
    () => ['getAllGroupClientIdCount'],
    () =>
      new Map([
        ['both', 3],
        ['first', 2],
        ['last', 1],
      ]),
  ],
  [
    () => ['getAllGroupUidList'],
    () =>
      new Map([
        ['both', ['anna']],
        ['first', ['anna', 'bob']],
        ['last', []],
      ]),
  ],
  [
    () => ['getAllGroupUidCount'],
    () =>
      new Map([
        ['both', 1],
        ['first', 2],
        ['last', 0],
      ]),
  ],
  [([, b]) => ['getSession', b], () => sessions[1]],
  [([, , c]) => ['getSession', c], () => undefined],
  [() => ['getSession', stale], () => null],
];

test('every send does what its row says, from each worker and from outside', async () => {
  for (const side of sides) {
    for (const [name, calls, expected] of sends) {
      const got = await received(side, calls(ids));
      expect([side, name, got]).toEqual([side, name, expected]);
      // Back to what the next row expects.
      const [a, b, c, d] = ids;
      await received(side, [
        ...[a, b, c].map((id, index): Call => ['bindUid', id, index < 2 ? 'anna' : 'bob']),
        ['unbindUid', d],
        ...[a, b, d].map((id): Call => ['joinGroup', id, 'both']),
        ['joinGroup', d, 'last'],
        ['leaveGroup', b, 'last'],
      ]);
    }
  }
});

test('every query answers for both gateways, from each worker and from outside', async () => {
  for (const side of sides) {
    for (const [call, expected] of queries) {
      const made = call(ids);
      called.add(made[0]);
      const answer = inOrder(await callers[side].get(...made));
      expect([side, made, answer]).toEqual([side, made, inOrder(expected(ids))]);
    }
  }
});

test('a send to an id that no gateway has given is handed to nobody, and answers false', async () => {
  for (const side of sides) {
    for (const id of [foreign, 'not even the form of an id']) {
      const outcomes = await callers[side].run(
        ['sendToClient', id, 'm'],
        ['closeClient', id],
        ['joinGroup', id, 'both'],
      );
      expect(outcomes).toEqual([{ value: false }, { value: false }, { value: false }]);
    }
    expect(await received(side, [])).toEqual([[], [], [], []]);
  }
});

test.each(sides)('a session is replaced or merged deeply, from %s', async (side) => {
  const [a, , , d] = ids;
  const calls: Call[] = [
    ['updateSession', a, { deep: { y: 2, list: [3] }, more: true }],
    ['getSession', a],
    ['setSession', a, { only: 'this' }],
    ['getSession', a],
    ['updateSession', d, { first: 1 }],
    ['getSession', d],
  ];
  for (const [method] of calls) called.add(method);
  const outcomes = await callers[side].run(...calls);
  expect(outcomes.map((outcome) => Reflect.get(outcome, 'value'))).toEqual([
    true,
    { name: 'a', deep: { x: 1, y: 2, list: [3] }, more: true },
    true,
    { only: 'this' },
    true,
    { first: 1 },
  ]);
});

test.each(sides)('queries see the commands that %s made before them', async (side) => {
  const [a, b, c, d] = ids;
  const outcomes = await callers[side].run(
    ['getAllUidList'],
    ['bindUid', d, 'dora'],
    ['getAllUidList'],
    ['getClientIdCountByGroup', 'both'],
    ['joinGroup', c, 'both'],
    ['getClientIdCountByGroup', 'both'],
    ['ungroup', 'both'],
    ['getClientIdCountByGroup', 'both'],
    ['unbindUid', a],
    ['unbindUid', b],
    ['isUidOnline', 'anna'],
  );
  expect(outcomes.map((outcome) => inOrder(Reflect.get(outcome, 'value')))).toEqual([
    ['anna', 'bob'],
    true,
    ['anna', 'bob', 'dora'],
    3,
    true,
    4,
    true,
    0,
    true,
    true,
    false,
  ]);
});

test.each(sides)(
  'closeClient flushes, then says goodbye with code and reason, from %s',
  async (side) => {
    const [a, b] = ids;
    called.add('closeClient');
    const long = 'x'.repeat(400_000);
    await callers[side].run(
      ['sendToClient', a, long],
      ['closeClient', a, 'last words', { code: 4001, reason: 'enough' }],
      ['sendToClient', a, 'too late'],
      ['closeClient', b],
    );
    expect(await members[0]?.client.ended).toEqual({ code: 4001, reason: 'enough' });
    expect(members[0]?.client.messages).toEqual([long, 'last words']);
    expect(await members[1]?.client.ended).toEqual({ code: 1000, reason: '' });
    expect(members[1]?.client.messages).toEqual([]);
    await quiet(others.length + 2);
    expect(await callers[side].get('isOnline', a)).toBe(false);
    expect(await callers[side].get('getSession', a)).toBeNull();
    // An id that was a client's once is like one that never was.
    const [, , c, d] = ids;
    await callers[side].run(['joinGroup', a, 'both'], ['bindUid', a, 'bob']);
    expect(await callers[side].get('getClientIdListByGroup', 'both')).toEqual([d]);
    expect(await callers[side].get('getClientIdByUid', 'bob')).toEqual([c]);
  },
);

test.each(sides)('destroyClient drops a client at once, from %s', async (side) => {
  called.add('destroyClient');
  await callers[side].run(['destroyClient', ids[1]]);
  expect(await members[1]?.client.ended).toEqual({ code: 1006, reason: '' });
  expect(await callers[side].get('getClientIdByUid', 'anna')).toEqual([ids[0]]);
});

test.each(sides)(
  'closeUid closes every client of a uid, at both gateways, from %s',
  async (side) => {
    called.add('closeUid');
    await callers[side].run(['closeUid', 'anna', 'bye', { code: 4002, reason: 'moved' }]);
    for (const { client } of members.slice(0, 2)) {
      expect(await client.ended).toEqual({ code: 4002, reason: 'moved' });
      expect(client.messages).toEqual(['bye']);
    }
    await quiet(others.length + 2);
    expect(members[2]?.client.isOpen).toBe(true);
  },
);

test.each(sides)(
  'closeGroup closes every member of a group, at both gateways, and nobody else, from %s',
  async (side) => {
    const [, b, c] = ids;
    called.add('closeGroup');
    await callers[side].run(['joinGroup', b, 'pair'], ['joinGroup', c, 'pair']);
    await callers[side].run(['closeGroup', 'pair', 'bye', { code: 4003, reason: 'over' }]);
    for (const { client } of members.slice(1, 3)) {
      expect(await client.ended).toEqual({ code: 4003, reason: 'over' });
      expect(client.messages).toEqual(['bye']);
    }
    await quiet(others.length + 2);
    expect(members[0]?.client.isOpen).toBe(true);
    expect(await callers[side].get('getClientIdListByGroup', 'pair')).toEqual([]);
  },
);

test('wrong arguments throw at the call, and nothing of it is sent', async () => {
  const [a] = ids;
  const wrong: Call[] = [
    ['sendToAll', 7],
    ['sendToAll', undefined],
    ['sendToAll', 'm', { only: [7] }],
    ['sendToAll', 'm', { only: [''] }],
    ['sendToAll', 'm', { exclude: [7] }],
    ['sendToClient', '', 'm'],
    ['sendToClient', 7, 'm'],
    ['sendToClient', a, { json: true }],
    ['sendToUid', '', 'm'],
    ['sendToUid', ['anna', ''], 'm'],
    ['sendToUid', null, 'm'],
    ['sendToGroup', 7, 'm'],
    ['sendToGroup', ['both', ''], 'm'],
    ['closeClient', '', 'bye'],
    ['closeClient', a, 7],
    ['destroyClient', ''],
    ['closeUid', ''],
    ['closeGroup', ''],
    ['bindUid', a, ''],
    ['bindUid', '', 'anna'],
    ['unbindUid', ''],
    ['joinGroup', a, ''],
    ['joinGroup', a, 7],
    ['leaveGroup', a, ''],
    ['ungroup', ''],
    ['setSession', a, 'text'],
    ['setSession', '', {}],
    ['updateSession', a, null],
    ['isOnline', ''],
    ['isUidOnline', ''],
    ['isUidsOnline', 'anna'],
    ['isUidsOnline', ['']],
    ['getClientIdByUid', {}],
    ['batchGetClientIdByUid', [null]],
    ['getUidByClientId', 7],
    ['getClientIdListByGroup', ''],
    ['getClientIdCountByGroup', ''],
    ['getClientCountByGroup', ''],
    ['batchGetClientIdCountByGroup', ['']],
    ['getClientSessionsByGroup', ''],
    ['getUidListByGroup', ''],
    ['getUidCountByGroup', ''],
    ['getSession', ''],
  ];
  for (const side of sides) {
    const outcomes = await callers[side].run(...wrong);
    const got = outcomes.map((outcome, index) => [wrong[index], outcome]);
    const typeError = expect.objectContaining({ error: 'TypeError', isThrown: true });
    expect(got).toEqual(wrong.map((call) => [call, typeError]));
    expect(await received(side, [])).toEqual([[], [], [], []]);
  }
});

test('a client id has 20 characters and says nothing of where the client is', () => {
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[\w-]{20}$/);
  // Two processes with loopback addresses: nothing of it, nor of their ports, is in the id.
  const decoded = ids.map((id) => Buffer.from(id, 'base64url').toString('latin1'));
  for (const text of decoded) {
    expect(text).not.toContain('\x7f\0\0\x01');
    for (const port of row.ports) {
      expect(text).not.toContain(String.fromCharCode(port >> 8, port & 0xff));
    }
  }
});

test('a gateway that does not answer is named, and the rest of the answer and the traffic go on', async () => {
  const [first, second] = await row.processes('gateway', 'row-websocket');
  const counts = new Map<number, number>();
  for (const stopped of [first, second]) {
    if (stopped === undefined) throw new Error('there is no second gateway');
    process.kill(stopped.pid, 'SIGSTOP');
    try {
      // The workers' own clients are spread over both gateways; only from outside is always answered.
      const [outcome] = await callers.outside.run(['getClientIdListByGroup', 'both']);
      expect(outcome).toMatchObject({ error: 'PartialResultError', code: 'GW_ERR_PARTIAL_RESULT' });
      const { partial, missing } = outcome as { partial: string[]; missing: string[] };
      expect(missing).toHaveLength(1);
      expect([1, 2]).toContain(partial.length);
      counts.set(stopped.pid, partial.length);
      const reached = members.filter(({ id }) => partial.includes(id));
      for (const { client } of reached) client.send('still here');
      for (const { client } of reached) expect(await client.next()).toBe('still here');
    } finally {
      process.kill(stopped.pid, 'SIGCONT');
    }
    await eventually(async () => (await callers.outside.get('getAllGroupIdList')) !== undefined);
  }
  // Each gateway has what the other has not.
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(3);
});

test('no method of the Gateway API is left out above', () => {
  const methods: string[] = [];
  for (
    let prototype = GatewayClient.prototype as object;
    prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    methods.push(...Object.getOwnPropertyNames(prototype));
  }
  const expected = [...new Set(methods)].filter((name) => !['constructor', 'close'].includes(name));
  expect([...called].toSorted()).toEqual(expected.toSorted());
});
