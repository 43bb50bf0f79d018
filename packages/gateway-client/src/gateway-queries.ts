import {
  parseBoolean,
  parseCount,
  parseList,
  parseOptionalString,
  parsePairs,
  parseSessionAnswer,
  parseSessions,
  parseStrings,
  parseUidPresence,
} from './answer.ts';
import {
  parseClientIdArgument,
  parseGroup,
  parseGroupList,
  parseUid,
  parseUidList,
} from './arguments.ts';
import type { GatewayPool } from './gateway-pool.ts';
import type { GatewayQueryApi, UidState } from './gateway-query-api.ts';
import {
  anyTrue,
  concatenate,
  countUnique,
  mergePairs,
  sum,
  toMap,
  toUidState,
  unique,
} from './merge.ts';
import { askAboutKeys, askEveryGateway, askGatewayOf } from './query.ts';

/** The queries of the Gateway API, over the gateways of a pool. */
export class GatewayQueries implements GatewayQueryApi {
  readonly #pool: () => GatewayPool;

  constructor(pool: () => GatewayPool) {
    this.#pool = pool;
  }

  isOnline(clientId: string): Promise<boolean> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseBoolean, offline: false };
    return askGatewayOf(this.#pool(), address, 'isOnline', answer);
  }

  getUidByClientId(clientId: string): Promise<string | null> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseOptionalString, offline: null };
    return askGatewayOf(this.#pool(), address, 'getUidByClientId', answer);
  }

  getSession<Session = Record<string, unknown>>(
    clientId: string,
  ): Promise<Session | null | undefined> {
    const address = parseClientIdArgument('clientId', clientId);
    const answer = { parse: parseSessionAnswer<Session>, offline: null };
    return askGatewayOf(this.#pool(), address, 'getSession', answer);
  }

  isUidOnline(uid: string | number): Promise<boolean> {
    const query = { kind: 'isUidOnline', uid: parseUid(uid) } as const;
    return askEveryGateway(this.#pool(), query, parseBoolean, anyTrue);
  }

  isUidsOnline(uids: readonly (string | number)[]): Promise<Map<string, boolean>> {
    const keys = parseUidList('uids', uids);
    const query = { kind: 'isUidsOnline', uids: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseBoolean, merge: anyTrue });
  }

  getUidState(uid: string | number): Promise<UidState> {
    const query = { kind: 'getUidStates', uids: [parseUid(uid)] } as const;
    const parse = parseList(parseUidPresence, 1);
    return askEveryGateway(this.#pool(), query, parse, (answers) => toUidState(answers.flat()));
  }

  getUidStates(uids: readonly (string | number)[]): Promise<Map<string, UidState>> {
    const keys = parseUidList('uids', uids);
    const query = { kind: 'getUidStates', uids: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseUidPresence, merge: toUidState });
  }

  getClientIdByUid(uid: string | number): Promise<string[]> {
    const query = { kind: 'getClientIdByUid', uid: parseUid(uid) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, concatenate);
  }

  batchGetClientIdByUid(uids: readonly (string | number)[]): Promise<Map<string, string[]>> {
    const keys = parseUidList('uids', uids);
    const query = { kind: 'batchGetClientIdByUid', uids: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseStrings, merge: concatenate });
  }

  getClientIdListByGroup(group: string): Promise<string[]> {
    const query = { kind: 'getClientIdListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, concatenate);
  }

  getClientIdCountByGroup(group: string): Promise<number> {
    const query = { kind: 'getClientIdCountByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseCount, sum);
  }

  getClientCountByGroup(group: string): Promise<number> {
    return this.getClientIdCountByGroup(group);
  }

  batchGetClientIdCountByGroup(groups: readonly string[]): Promise<Map<string, number>> {
    const keys = parseGroupList('groups', groups);
    const query = { kind: 'batchGetClientIdCountByGroup', groups: keys } as const;
    return askAboutKeys(this.#pool(), query, keys, { parse: parseCount, merge: sum });
  }

  getClientSessionsByGroup<Session = Record<string, unknown>>(
    group: string,
  ): Promise<Map<string, Session | undefined>> {
    const query = { kind: 'getClientSessionsByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseSessions<Session>, toMap);
  }

  getUidListByGroup(group: string): Promise<string[]> {
    const query = { kind: 'getUidListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, unique);
  }

  getUidCountByGroup(group: string): Promise<number> {
    // A uid can have clients at several gateways, so only the merged list can be counted.
    const query = { kind: 'getUidListByGroup', group: parseGroup(group) } as const;
    return askEveryGateway(this.#pool(), query, parseStrings, countUnique);
  }

  getAllClientIdCount(): Promise<number> {
    return askEveryGateway(this.#pool(), { kind: 'getAllClientIdCount' }, parseCount, sum);
  }

  getAllClientCount(): Promise<number> {
    return this.getAllClientIdCount();
  }

  getAllClientIdList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllClientIdList' }, parseStrings, concatenate);
  }

  getAllClientSessions<Session = Record<string, unknown>>(): Promise<
    Map<string, Session | undefined>
  > {
    const query = { kind: 'getAllClientSessions' } as const;
    return askEveryGateway(this.#pool(), query, parseSessions<Session>, toMap);
  }

  getAllUidList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllUidList' }, parseStrings, unique);
  }

  getAllUidCount(): Promise<number> {
    return askEveryGateway(this.#pool(), { kind: 'getAllUidList' }, parseStrings, countUnique);
  }

  getAllGroupIdList(): Promise<string[]> {
    return askEveryGateway(this.#pool(), { kind: 'getAllGroupIdList' }, parseStrings, unique);
  }

  getAllGroupClientIdList(): Promise<Map<string, string[]>> {
    const query = { kind: 'getAllGroupClientIdList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), mergePairs(concatenate));
  }

  getAllGroupClientIdCount(): Promise<Map<string, number>> {
    const query = { kind: 'getAllGroupClientIdCount' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseCount), mergePairs(sum));
  }

  getAllGroupUidList(): Promise<Map<string, string[]>> {
    const query = { kind: 'getAllGroupUidList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), mergePairs(unique));
  }

  getAllGroupUidCount(): Promise<Map<string, number>> {
    const query = { kind: 'getAllGroupUidList' } as const;
    return askEveryGateway(this.#pool(), query, parsePairs(parseStrings), mergePairs(countUnique));
  }
}
