import { GatewayWorkerError } from '@gatewayworker/core';
import type {
  AskedQuery,
  ConnectionAddress,
  QueryAnswers,
  SessionOfClient,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';

/**
 * Answers a query about the clients of this process.
 *
 * @throws {GW_ERR_QUERY_UNKNOWN} when this version does not know the query
 */
export function answerQuery(
  state: GatewayState,
  query: AskedQuery,
): QueryAnswers[keyof QueryAnswers] {
  switch (query.kind) {
    case 'isOnline':
      return online(state, query.client) !== undefined;
    case 'getUidByClientId':
      return online(state, query.client)?.uid ?? null;
    case 'getSession': {
      const client = online(state, query.client);
      return client === undefined ? null : { session: client.session.packed };
    }
    case 'isUidOnline':
      return state.uids.get(query.uid) !== undefined;
    case 'isUidsOnline':
      return query.uids.map((uid) => state.uids.get(uid) !== undefined);
    case 'getClientIdByUid':
      return clientIds(state, state.uids.get(query.uid) ?? []);
    case 'batchGetClientIdByUid':
      return query.uids.map((uid) => clientIds(state, state.uids.get(uid) ?? []));
    case 'getClientIdListByGroup':
      return clientIds(state, state.groups.get(query.group) ?? []);
    case 'getClientIdCountByGroup':
      return state.groups.get(query.group)?.size ?? 0;
    case 'batchGetClientIdCountByGroup':
      return query.groups.map((group) => state.groups.get(group)?.size ?? 0);
    case 'getClientSessionsByGroup':
      return sessions(state, state.groups.get(query.group) ?? []);
    case 'getUidListByGroup':
      return uids(state.groups.get(query.group) ?? []);
    case 'getAllClientIdCount':
      return state.clients.onlineCount;
    case 'getAllClientIdList':
      return clientIds(state, state.clients.online());
    case 'getAllClientSessions':
      return sessions(state, state.clients.online());
    case 'getAllUidList':
      return [...state.uids.names()];
    case 'getAllGroupIdList':
      return [...state.groups.names()];
    case 'getAllGroupClientIdList':
      return mapGroups(state, (members) => clientIds(state, members));
    case 'getAllGroupClientIdCount':
      return mapGroups(state, (members) => members.size);
    case 'getAllGroupUidList':
      return mapGroups(state, uids);
    case 'unknown':
      throw new GatewayWorkerError('GW_ERR_QUERY_UNKNOWN', `unknown query ${query.name}`);
    default:
      return query satisfies never;
  }
}

/** A client whose end is decided is not online any more, though its socket may take a moment to close. */
function online(state: GatewayState, address: ConnectionAddress): ClientConnection | undefined {
  const client = state.clients.at(address);
  return client?.isClosing === true ? undefined : client;
}

function clientIds(state: GatewayState, clients: Iterable<ClientConnection>): string[] {
  return Array.from(clients, (client) => client.clientId(state.clients.gatewayToken));
}

/** The uids of these clients, each once. */
function uids(clients: Iterable<ClientConnection>): string[] {
  const found = new Set<string>();
  for (const { uid } of clients) if (uid !== undefined) found.add(uid);
  return [...found];
}

/** What each group of this process comes to, by its name. */
function mapGroups<T>(
  state: GatewayState,
  map: (members: ReadonlySet<ClientConnection>) => T,
): [group: string, T][] {
  return Array.from(state.groups.entries(), ([group, members]) => [group, map(members)]);
}

function sessions(state: GatewayState, clients: Iterable<ClientConnection>): SessionOfClient[] {
  return Array.from(clients, (client) => [
    client.clientId(state.clients.gatewayToken),
    client.session.packed ?? null,
  ]);
}
