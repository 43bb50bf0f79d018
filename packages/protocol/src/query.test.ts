import { expect, test } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { packValue, readMessage, writeMessage } from './codec.ts';
import { Command } from './command.ts';
import type { AskedQuery, Query } from './messages.ts';

const client = { connection: 1, nonceHigh: 2, nonceLow: 3 };

/** A query of each kind. */
const queries: { readonly [K in Query['kind']]: Extract<Query, { readonly kind: K }> } = {
  isOnline: { kind: 'isOnline', client },
  getUidByClientId: { kind: 'getUidByClientId', client },
  getSession: { kind: 'getSession', client },
  isUidOnline: { kind: 'isUidOnline', uid: 'u' },
  isUidsOnline: { kind: 'isUidsOnline', uids: ['u', '7'] },
  getClientIdByUid: { kind: 'getClientIdByUid', uid: 'u' },
  batchGetClientIdByUid: { kind: 'batchGetClientIdByUid', uids: ['u'] },
  getClientIdListByGroup: { kind: 'getClientIdListByGroup', group: 'g' },
  getClientIdCountByGroup: { kind: 'getClientIdCountByGroup', group: 'g' },
  batchGetClientIdCountByGroup: { kind: 'batchGetClientIdCountByGroup', groups: ['g', 'h'] },
  getClientSessionsByGroup: { kind: 'getClientSessionsByGroup', group: 'g' },
  getUidListByGroup: { kind: 'getUidListByGroup', group: 'g' },
  getUidStates: { kind: 'getUidStates', uids: ['u'] },
  getAllClientIdCount: { kind: 'getAllClientIdCount' },
  getAllClientIdList: { kind: 'getAllClientIdList' },
  getAllClientSessions: { kind: 'getAllClientSessions' },
  getAllUidList: { kind: 'getAllUidList' },
  getAllGroupIdList: { kind: 'getAllGroupIdList' },
  getAllGroupClientIdList: { kind: 'getAllGroupClientIdList' },
  getAllGroupClientIdCount: { kind: 'getAllGroupClientIdCount' },
  getAllGroupUidList: { kind: 'getAllGroupUidList' },
};

function readQuery(query: unknown): AskedQuery {
  const packed = packValue({ requestId: 1, query });
  const message = readMessage(Command.Query, packed, 0, packed.length);
  if (message?.type !== 'query') throw new Error('another message came out');
  return message.query;
}

test.each(Object.values(queries))('codec: query $kind is read back', (query) => {
  const writer = new ByteWriter();
  writeMessage(writer, { type: 'query', requestId: 2 ** 32 - 1, query });
  expect(readMessage(Command.Query, writer.buffer, 5, writer.length)).toEqual({
    type: 'query',
    requestId: 2 ** 32 - 1,
    query,
  });
});

test.each(['getTheWeather', '', 'toString', '__proto__'])(
  'readMessage: the unknown query "%s" keeps its name',
  (name) => {
    expect(readQuery({ kind: name, place: 'here' })).toEqual({ kind: 'unknown', name });
  },
);

test.each([
  [{ kind: 'isOnline' }, 'query.query.client: the body is not an object'],
  [{ kind: 'isOnline', client: { connection: 1 } }, 'query.query.client: nonceHigh'],
  [{ kind: 'isUidOnline' }, 'query.query: uid is not a string'],
  [{ kind: 'getClientIdByUid', uid: 7 }, 'query.query: uid is not a string'],
  [{ kind: 'getClientIdListByGroup' }, 'query.query: group is not a string'],
  [{ kind: 'getClientIdCountByGroup', group: null }, 'query.query: group is not a string'],
  [{ kind: 'getClientSessionsByGroup', group: [] }, 'query.query: group is not a string'],
  [{ kind: 'getUidListByGroup' }, 'query.query: group is not a string'],
  [{ kind: 'isUidsOnline' }, 'query.query: uids is not a list'],
  [{ kind: 'getUidStates', uids: 'u' }, 'query.query: uids is not a list'],
  [{ kind: 'isUidsOnline', uids: ['u', 7] }, 'query.query: uids is not a list of strings'],
  [{ kind: 'batchGetClientIdByUid', uids: 'u' }, 'query.query: uids is not a list'],
  [{ kind: 'batchGetClientIdCountByGroup', uids: [] }, 'query.query: groups is not a list'],
  [{}, 'query.query: kind is not a string'],
  [7, 'query.query'],
])('readMessage: refuses the query %j', (query, message) => {
  expect(() => readQuery(query)).toThrow(message);
});
