import { createLogger, Guard, ThrottledLog } from '@gatewayworker/core';
import type { AskedQuery, ClusterQuery } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientSender } from '../clients/client-sender.ts';
import { ClientTable, forgetClient } from '../clients/client-table.ts';
import { LimitCounters } from '../clients/limit-counters.ts';
import type { GatewayState } from '../gateway-state.ts';
import { MembershipIndex } from '../subscriptions/membership-index.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ListAnswer } from './list-answer.ts';
import { answerQuery as answer } from './query.ts';

/** The answer with all its entries. */
function answerQuery(state: GatewayState, query: AskedQuery): unknown {
  const answered = answer(state, query);
  return answered instanceof ListAnswer ? answered.slice(0, Infinity) : answered;
}

/** A transport without clients. */
const transport = { frame: (payload: Buffer) => payload };

/**
 * Three clients: the first two have the uid `anna`, the third has none. All are in group `g`, the third is also in `h`.
 */
function createState() {
  const clients = new ClientTable();
  const limits = new LimitCounters();
  const policy = { sendToClientBufferSize: 1024, slowConsumer: 'close' } as const;
  const tables = {
    clients,
    uids: new MembershipIndex<ClientConnection>(),
    groups: new MembershipIndex<ClientConnection>(),
  };
  const guard = new Guard();
  const state: GatewayState = {
    ...tables,
    sender: new ClientSender(policy, { transport, tables, limits, guard }),
    limits,
    guard,
    logger: createLogger({ stdout: false }),
    clientLog: new ThrottledLog(createLogger({ stdout: false })),
  };
  const add = (uid: string | undefined, groups: readonly string[]): ClientConnection => {
    const client = clients.add(silentSocket);
    client.uid = uid;
    if (uid !== undefined) state.uids.add(uid, client);
    for (const group of groups) {
      client.addGroup(group);
      state.groups.add(group, client);
    }
    return client;
  };
  const members = [add('anna', ['g']), add('anna', ['g']), add(undefined, ['g', 'h'])] as const;
  const ids = members.map((client) => client.clientId(clients.gatewayToken));
  return { state, members, ids };
}

/** Queries and their answers, by the ids of the three clients. */
const answers: readonly (readonly [ClusterQuery, (ids: readonly string[]) => unknown])[] = [
  [{ kind: 'isUidsOnline', uids: ['unknown', 'anna'] }, () => [false, true]],
  [{ kind: 'isUidsOnline', uids: [] }, () => []],
  [{ kind: 'batchGetClientIdByUid', uids: ['unknown', 'anna'] }, (ids) => [[], [ids[0], ids[1]]]],
  [{ kind: 'batchGetClientIdCountByGroup', groups: ['h', 'empty', 'g'] }, () => [1, 0, 3]],
  [{ kind: 'getUidListByGroup', group: 'g' }, () => ['anna']],
  [{ kind: 'getUidListByGroup', group: 'h' }, () => []],
  [{ kind: 'getUidListByGroup', group: 'empty' }, () => []],
  [{ kind: 'getAllUidList' }, () => ['anna']],
  [{ kind: 'getAllGroupIdList' }, () => ['g', 'h']],
  [
    { kind: 'getAllGroupClientIdList' },
    (ids) => [
      ['g', ids],
      ['h', [ids[2]]],
    ],
  ],
  [
    { kind: 'getAllGroupClientIdCount' },
    () => [
      ['g', 3],
      ['h', 1],
    ],
  ],
  [
    { kind: 'getAllGroupUidList' },
    () => [
      ['g', ['anna']],
      ['h', []],
    ],
  ],
];

test.each(answers)('query: answers %j', (query, expected) => {
  const { state, ids } = createState();
  expect(answerQuery(state, query)).toEqual(expected(ids));
});

test.each<ClusterQuery>([
  { kind: 'getAllUidList' },
  { kind: 'getAllGroupIdList' },
  { kind: 'getAllGroupClientIdList' },
  { kind: 'getAllGroupClientIdCount' },
  { kind: 'getAllGroupUidList' },
])('query: $kind is empty after every client is removed', (query) => {
  const { state, members } = createState();
  for (const client of members) forgetClient(state, client);
  expect(answerQuery(state, query)).toEqual([]);
});

test('query: no answer has a closing client', () => {
  const { state, members } = createState();
  for (const client of members)
    state.sender.close(client, { by: 'server', code: 1000, reason: '' });
  const [{ connection, nonceHigh, nonceLow }] = members;
  const client = { connection, nonceHigh, nonceLow };
  const given: readonly (readonly [AskedQuery, unknown])[] = [
    [{ kind: 'isOnline', client }, false],
    [{ kind: 'getUidByClientId', client }, null],
    [{ kind: 'getSession', client }, null],
    [{ kind: 'isUidOnline', uid: 'anna' }, false],
    [{ kind: 'isUidsOnline', uids: ['anna'] }, [false]],
    [{ kind: 'getClientIdByUid', uid: 'anna' }, []],
    [{ kind: 'batchGetClientIdByUid', uids: ['anna'] }, [[]]],
    [{ kind: 'getClientIdListByGroup', group: 'g' }, []],
    [{ kind: 'getClientIdCountByGroup', group: 'g' }, 0],
    [{ kind: 'batchGetClientIdCountByGroup', groups: ['g', 'h'] }, [0, 0]],
    [{ kind: 'getClientSessionsByGroup', group: 'g' }, []],
    [{ kind: 'getUidListByGroup', group: 'g' }, []],
    [{ kind: 'getAllClientIdCount' }, 0],
    [{ kind: 'getAllClientIdList' }, []],
    [{ kind: 'getAllClientSessions' }, []],
    [{ kind: 'getAllUidList' }, []],
    [{ kind: 'getAllGroupIdList' }, []],
    [{ kind: 'getAllGroupClientIdList' }, []],
    [{ kind: 'getAllGroupClientIdCount' }, []],
    [{ kind: 'getAllGroupUidList' }, []],
  ];
  for (const [query, answer] of given) {
    expect([query.kind, answerQuery(state, query)]).toEqual([query.kind, answer]);
  }
  // Their sockets have not closed: they count as connections, and their worker still gets onClose.
  expect(state.clients.size).toBe(3);
  expect(members.map(({ uid, groups }) => [uid, [...groups]])).toEqual([
    ['anna', ['g']],
    ['anna', ['g']],
    [undefined, ['g', 'h']],
  ]);
  for (const one of members) forgetClient(state, one);
  expect([state.clients.size, state.clients.onlineCount]).toEqual([0, 0]);
});

test('query: refuses an unknown query', () => {
  const { state } = createState();
  expect(() => answerQuery(state, { kind: 'unknown', name: 'getTheWeather' })).toThrow(
    expect.objectContaining({ code: 'GW_ERR_QUERY_UNKNOWN' }),
  );
});

test('query: later commands do not change a list that is sent in chunks', () => {
  const { state, members, ids } = createState();
  const [first, second] = members;
  first.session.replace({ n: 1 });
  const lists = [
    answer(state, { kind: 'getClientIdListByGroup', group: 'g' }),
    answer(state, { kind: 'getAllClientSessions' }),
    answer(state, { kind: 'getAllGroupClientIdList' }),
  ];
  const packed = first.session.packed;
  first.session.replace({ n: 2 });
  forgetClient(state, second);
  const entries = lists.map((list) => (list instanceof ListAnswer ? list.slice(0, Infinity) : []));
  expect(entries).toEqual([
    ids,
    [
      [ids[0], packed],
      [ids[1], null],
      [ids[2], null],
    ],
    [
      ['g', ids],
      ['h', [ids[2]]],
    ],
  ]);
});

test('query: refuses a repeated uid', () => {
  const { state } = createState();
  const query = { kind: 'batchGetClientIdByUid', uids: ['anna', 'bob', 'anna'] } as const;
  expect(() => answerQuery(state, query)).toThrow('uids names one uid twice');
});
