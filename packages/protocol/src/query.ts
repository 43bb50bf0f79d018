/** The numbers of a client id that matter to its own gateway. */
export interface ConnectionAddress {
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
}

/** Queries about one client; its gateway alone is asked. */
export type ClientQuery =
  | { readonly kind: 'isOnline'; readonly client: ConnectionAddress }
  | { readonly kind: 'getUidByClientId'; readonly client: ConnectionAddress }
  | { readonly kind: 'getSession'; readonly client: ConnectionAddress };

/** Queries about all clients; every gateway is asked and the answers are joined. */
export type ClusterQuery =
  | { readonly kind: 'isUidOnline'; readonly uid: string }
  | { readonly kind: 'isUidsOnline'; readonly uids: readonly string[] }
  | { readonly kind: 'getClientIdByUid'; readonly uid: string }
  | { readonly kind: 'batchGetClientIdByUid'; readonly uids: readonly string[] }
  | { readonly kind: 'getClientIdListByGroup'; readonly group: string }
  | { readonly kind: 'getClientIdCountByGroup'; readonly group: string }
  | { readonly kind: 'batchGetClientIdCountByGroup'; readonly groups: readonly string[] }
  | { readonly kind: 'getClientSessionsByGroup'; readonly group: string }
  | { readonly kind: 'getUidListByGroup'; readonly group: string }
  | { readonly kind: 'getAllClientIdCount' }
  | { readonly kind: 'getAllClientIdList' }
  | { readonly kind: 'getAllClientSessions' }
  | { readonly kind: 'getAllUidList' }
  | { readonly kind: 'getAllGroupIdList' }
  | { readonly kind: 'getAllGroupClientIdList' }
  | { readonly kind: 'getAllGroupClientIdCount' }
  | { readonly kind: 'getAllGroupUidList' };

/** Every question that a gateway answers. */
export type Query = ClientQuery | ClusterQuery;

/** What a gateway makes of a question that it does not know. */
export interface UnknownQuery {
  readonly kind: 'unknown';
  readonly name: string;
}

/** A question as a gateway reads it. */
export type AskedQuery = Query | UnknownQuery;

/**
 * What a gateway answers to each kind of query. Sessions are msgpack; `null` is an unknown client.
 *
 * The answer to several keys is a list in their order. Uids are never counted by a gateway: one that
 * has clients at two gateways is one uid, so the asker joins lists.
 */
export interface QueryAnswers {
  isOnline: boolean;
  getUidByClientId: string | null;
  getSession: { readonly session: Uint8Array | undefined } | null;
  isUidOnline: boolean;
  isUidsOnline: readonly boolean[];
  getClientIdByUid: readonly string[];
  batchGetClientIdByUid: readonly (readonly string[])[];
  getClientIdListByGroup: readonly string[];
  getClientIdCountByGroup: number;
  batchGetClientIdCountByGroup: readonly number[];
  getClientSessionsByGroup: readonly SessionOfClient[];
  getUidListByGroup: readonly string[];
  getAllClientIdCount: number;
  getAllClientIdList: readonly string[];
  getAllClientSessions: readonly SessionOfClient[];
  getAllUidList: readonly string[];
  getAllGroupIdList: readonly string[];
  getAllGroupClientIdList: readonly (readonly [group: string, clientIds: readonly string[]])[];
  getAllGroupClientIdCount: readonly (readonly [group: string, count: number])[];
  getAllGroupUidList: readonly (readonly [group: string, uids: readonly string[]])[];
}

/** Client id and session as msgpack, `null` when the session was never set. */
export type SessionOfClient = readonly [clientId: string, session: Uint8Array | null];
