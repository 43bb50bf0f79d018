import {
  parseBoolean,
  parseCount,
  parseOptionalString,
  parsePairs,
  parseSessionAnswer,
  parseSessions,
  parseStrings,
} from './answer.ts';
import {
  parseClientIdArgument,
  parseGroup,
  parseGroupList,
  parseUid,
  parseUidList,
} from './arguments.ts';
import type { GatewayPool } from './gateway-pool.ts';
import { anyTrue, concatenate, countUnique, joinPairs, sum, toMap, unique } from './join.ts';
import { askAboutKeys, askEveryGateway, askGatewayOf } from './query.ts';

/**
 * The queries of the Gateway API. Each resolves with the whole answer, or rejects with
 * `GW_ERR_NOT_CONNECTED` or, carrying what it has, with a `PartialResultError`.
 */
export class GatewayQueries {
  readonly #pool: () => GatewayPool;

  constructor(pool: () => GatewayPool) {
    this.#pool = pool;
  }

  /** Tells whether a client is connected. */
  isOnline(clientId: string): Promise<boolean> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseBoolean, offline: false };
    return askGatewayOf(this.#pool(), address, 'isOnline', answer);
  }

  /** The uid of a client; `null` when it has none or is not connected. */
  getUidByClientId(clientId: string): Promise<string | null> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseOptionalString, offline: null };
    return askGatewayOf(this.#pool(), address, 'getUidByClientId', answer);
  }

  /** The session of a client: `null` when it is not connected, `undefined` when it was never set. */
  getSession<Session = Record<string, unknown>>(
    clientId: string,
  ): Promise<Session | null | undefined> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseSessionAnswer<Session>, offline: null };
    return askGatewayOf(this.#pool(), address, 'getSession', answer);
  }

  /** Tells whether a uid has clients. */
  isUidOnline(uid: string | number): Promise<boolean> {
    const query = { kind: 'isUidOnline', uid: parseUid(uid) } as const;
    return askEveryGateway(this.#pool(), query, parseBoolean, anyTrue);
  }

  /** Tells of each uid whether it has clients. Every uid asked for is in the map, as a string. */
  isUidsOnline(uids: readonly (string | number)[]): Promise<Map<string, boolean>> {
    const keys = parseUidList('uids', uids);
    const query = { kind: 'isUidsOnline', uids: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseBoolean, join: anyTrue });
  }

  /** Ids of the clients of a uid. */
  getClientIdByUid(uid: string | number): Promise<string[]> {
    const query = { kind: 'getClientIdByUid', uid: parseUid(uid) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, concatenate);
  }

  /** Ids of the clients of each uid. Every uid asked for is in the map, as a string. */
  batchGetClientIdByUid(uids: readonly (string | number)[]): Promise<Map<string, string[]>> {
    const keys = parseUidList('uids', uids);
    const query = { kind: 'batchGetClientIdByUid', uids: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseStrings, join: concatenate });
  }

  /** Ids of the members of a group. */
  getClientIdListByGroup(group: string): Promise<string[]> {
    const query = { kind: 'getClientIdListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, concatenate);
  }

  /** Number of the members of a group. */
  getClientIdCountByGroup(group: string): Promise<number> {
    const query = { kind: 'getClientIdCountByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseCount, sum);
  }

  /** The same as `getClientIdCountByGroup`. */
  getClientCountByGroup(group: string): Promise<number> {
    return this.getClientIdCountByGroup(group);
  }

  /** Number of the members of each group. Every group asked for is in the map. */
  batchGetClientIdCountByGroup(groups: readonly string[]): Promise<Map<string, number>> {
    const keys = parseGroupList('groups', groups);
    const query = { kind: 'batchGetClientIdCountByGroup', groups: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseCount, join: sum });
  }

  /** Sessions of the members of a group by client id; `undefined` where one was never set. */
  getClientSessionsByGroup<Session = Record<string, unknown>>(
    group: string,
  ): Promise<Map<string, Session | undefined>> {
    const query = { kind: 'getClientSessionsByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseSessions<Session>, toMap);
  }

  /** The uids of the members of a group, each once. */
  getUidListByGroup(group: string): Promise<string[]> {
    const query = { kind: 'getUidListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, unique);
  }

  /** Number of the different uids of the members of a group. */
  getUidCountByGroup(group: string): Promise<number> {
    const query = { kind: 'getUidListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, countUnique);
  }

  /** Number of clients of the cluster. */
  getAllClientIdCount(): Promise<number> {
    return askEveryGateway(this.#pool(), { kind: 'getAllClientIdCount' }, parseCount, sum);
  }

  /** The same as `getAllClientIdCount`. */
  getAllClientCount(): Promise<number> {
    return this.getAllClientIdCount();
  }

  /** Ids of every client of the cluster. */
  getAllClientIdList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllClientIdList' }, parseStrings, concatenate);
  }

  /** Sessions of every client by client id; `undefined` where one was never set. */
  getAllClientSessions<Session = Record<string, unknown>>(): Promise<
    Map<string, Session | undefined>
  > {
    const query = { kind: 'getAllClientSessions' } as const;
    return askEveryGateway(this.#pool(), query, parseSessions<Session>, toMap);
  }

  /** Every uid that has clients, once. */
  getAllUidList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllUidList' }, parseStrings, unique);
  }

  /** Number of the uids that have clients. */
  getAllUidCount(): Promise<number> {
    return askEveryGateway(this.#pool(), { kind: 'getAllUidList' }, parseStrings, countUnique);
  }

  /** Every group that has members, once. */
  getAllGroupIdList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllGroupIdList' }, parseStrings, unique);
  }

  /** Ids of the members of every group that has some, by group. */
  getAllGroupClientIdList(): Promise<Map<string, string[]>> {
    const query = { kind: 'getAllGroupClientIdList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), joinPairs(concatenate));
  }

  /** Number of the members of every group that has some, by group. */
  getAllGroupClientIdCount(): Promise<Map<string, number>> {
    const query = { kind: 'getAllGroupClientIdCount' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseCount), joinPairs(sum));
  }

  /** The uids of the members of every group that has some, each once, by group. */
  getAllGroupUidList(): Promise<Map<string, string[]>> {
    const query = { kind: 'getAllGroupUidList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), joinPairs(unique));
  }

  /** Number of the different uids of the members of every group that has some, by group. */
  getAllGroupUidCount(): Promise<Map<string, number>> {
    const query = { kind: 'getAllGroupUidList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), joinPairs(countUnique));
  }
}
