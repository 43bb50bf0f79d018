import { describeValue, GatewayWorkerError } from '@gatewayworker/core';
import type {
  AskedQuery,
  ConnectionAddress,
  QueryAnswers,
  SessionOfClient,
  UidPresence,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { MembershipIndex } from '../subscriptions/membership-index.ts';
import { CLIENT_ID_BYTES, estimateBytes, ListAnswer } from './list-answer.ts';

/**
 * Answers a query about the clients of this process.
 *
 * @throws {GW_ERR_QUERY_UNKNOWN} when this version does not support the query
 */
export function answerQuery(
  state: GatewayState,
  query: AskedQuery,
): QueryAnswers[keyof QueryAnswers] | ListAnswer {
  switch (query.kind) {
    case 'isOnline':
      return online(state, query.client)?.isAway === false;
    case 'getUidByClientId':
      return online(state, query.client)?.uid ?? null;
    case 'getSession': {
      const client = online(state, query.client);
      return client === undefined ? null : { session: client.session.packed };
    }
    case 'isUidOnline':
      return membersOf(state, state.uids, query.uid).size > 0;
    case 'isUidsOnline':
      return query.uids.map((uid) => membersOf(state, state.uids, uid).size > 0);
    case 'getUidStates':
      return ListAnswer.of(query.uids.map((uid) => presenceOf(state, uid)));
    case 'getClientIdByUid':
      return clientIds(state, membersOf(state, state.uids, query.uid));
    case 'batchGetClientIdByUid':
      return clientIdsByUid(state, query.uids);
    case 'getClientIdListByGroup':
      return clientIds(state, membersOf(state, state.groups, query.group));
    case 'getClientIdCountByGroup':
      return membersOf(state, state.groups, query.group).size;
    case 'batchGetClientIdCountByGroup':
      return query.groups.map((group) => membersOf(state, state.groups, group).size);
    case 'getClientSessionsByGroup':
      return sessions(state, membersOf(state, state.groups, query.group));
    case 'getUidListByGroup':
      return uids(membersOf(state, state.groups, query.group));
    case 'getAllClientIdCount':
      return state.clients.onlineCount;
    case 'getAllClientIdList':
      return clientIds(state, state.clients.online());
    case 'getAllClientSessions':
      return sessions(state, state.clients.online());
    case 'getAllUidList':
      return Array.from(entriesOf(state, state.uids), ([uid]) => uid);
    case 'getAllGroupIdList':
      return Array.from(entriesOf(state, state.groups), ([group]) => group);
    case 'getAllGroupClientIdList':
      return groupClientIds(state);
    case 'getAllGroupClientIdCount':
      return Array.from(
        entriesOf(state, state.groups),
        ([group, { size }]) => [group, size] as const,
      );
    case 'getAllGroupUidList':
      return Array.from(
        entriesOf(state, state.groups),
        ([group, members]) => [group, uids(members)] as const,
      );
    case 'unknown':
      throw new GatewayWorkerError(
        'GW_ERR_QUERY_UNKNOWN',
        `unknown query ${describeValue(query.name)}`,
      );
    default:
      return query satisfies never;
  }
}

const noClients: ReadonlySet<ClientConnection> = new Set();

/** Returns the connected members of a name. */
function membersOf(
  { clients }: GatewayState,
  index: MembershipIndex<ClientConnection>,
  name: string,
): ReadonlySet<ClientConnection> {
  const members = index.get(name) ?? noClients;
  return clients.parkedCount === 0 ? members : withoutAway(members);
}

/** Lists every name that has connected members, with these members. */
function* entriesOf(
  { clients }: GatewayState,
  index: MembershipIndex<ClientConnection>,
): Iterable<[name: string, members: ReadonlySet<ClientConnection>]> {
  if (clients.parkedCount === 0) {
    yield* index.entries();
    return;
  }
  for (const [name, members] of index.entries()) {
    const connected = withoutAway(members);
    if (connected.size > 0) yield [name, connected];
  }
}

function withoutAway(members: ReadonlySet<ClientConnection>): ReadonlySet<ClientConnection> {
  return new Set([...members].filter(({ isAway }) => !isAway));
}

/** Describes the clients of a uid, also those that are parked or gone. */
function presenceOf({ uids: index, clients }: GatewayState, uid: string): UidPresence {
  let agoMs = clients.lastSeen.agoMs(uid);
  let isOnline = false;
  let isParked = false;
  for (const { isAway, awayMs } of index.get(uid) ?? noClients) {
    if (isAway) {
      isParked = true;
      agoMs = Math.min(agoMs ?? awayMs, awayMs);
    } else isOnline = true;
  }
  return { isOnline, isParked, agoMs: agoMs && Math.round(agoMs) };
}

/** Finds a client, unless it is closing: its socket may take a moment to close. */
function online(state: GatewayState, address: ConnectionAddress): ClientConnection | undefined {
  const client = state.clients.at(address);
  return client?.isClosing === true ? undefined : client;
}

function clientIds(state: GatewayState, clients: Iterable<ClientConnection>): ListAnswer<string> {
  const copied = [...clients];
  const toId = idWriter(state);
  return new ListAnswer(copied.length, copied.length * CLIENT_ID_BYTES, (index) =>
    toId(copied, index),
  );
}

/**
 * Lists the client ids of each uid.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when a uid is repeated: a short frame could ask for a large list many times
 */
function clientIdsByUid(state: GatewayState, named: readonly string[]): ListAnswer {
  const lists = new Map<string, readonly ClientConnection[]>();
  for (const uid of named) {
    if (!lists.has(uid)) lists.set(uid, [...membersOf(state, state.uids, uid)]);
  }
  if (lists.size < named.length) {
    throw new GatewayWorkerError('GW_ERR_FRAME_MALFORMED', 'query: uids names one uid twice');
  }
  return listOfIds(state, [...lists.values()], (_, ids) => ids);
}

/** Returns the distinct uids of these clients. */
function uids(clients: Iterable<ClientConnection>): string[] {
  const found = new Set<string>();
  for (const { uid } of clients) if (uid !== undefined) found.add(uid);
  return [...found];
}

/** Makes an answer with one entry for each list of clients; `toEntry` makes it from their ids. */
function listOfIds<Entry>(
  state: GatewayState,
  lists: readonly (readonly ClientConnection[])[],
  toEntry: (index: number, ids: readonly string[]) => Entry,
): ListAnswer<Entry> {
  const clients = lists.reduce((sum, { length }) => sum + length, 0);
  const byteLength = clients * CLIENT_ID_BYTES + estimateBytes(lists.map(() => ''));
  const toId = idWriter(state);
  return new ListAnswer(lists.length, byteLength, (index) => {
    const list = lists[index] ?? [];
    return toEntry(
      index,
      list.map((_, member) => toId(list, member)),
    );
  });
}

function groupClientIds(state: GatewayState): ListAnswer {
  const groups = [...entriesOf(state, state.groups)];
  const members = groups.map(([, clients]) => [...clients]);
  return listOfIds(state, members, (index, ids) => [groups[index]?.[0], ids]);
}

function sessions(
  state: GatewayState,
  clients: Iterable<ClientConnection>,
): ListAnswer<SessionOfClient> {
  const copied = [...clients];
  // A packed session is never changed in place, so no copy is needed.
  const packed = copied.map(({ session }) => session.packed ?? null);
  const toId = idWriter(state);
  const byteLength = copied.length * CLIENT_ID_BYTES + estimateBytes(packed);
  return new ListAnswer(copied.length, byteLength, (index) => [
    toId(copied, index),
    packed[index] ?? null,
  ]);
}

/** Returns a function that formats the id of a client of a list. */
function idWriter(
  state: GatewayState,
): (clients: readonly ClientConnection[], index: number) => string {
  const { gatewayToken } = state.clients;
  return (clients, index) => clients[index]?.clientId(gatewayToken) ?? '';
}
