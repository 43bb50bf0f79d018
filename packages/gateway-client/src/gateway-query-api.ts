/**
 * The queries of the Gateway API. Each resolves with the whole answer, or rejects with
 * `GW_ERR_NOT_CONNECTED` or, carrying what it has, with a `PartialResultError`.
 */
export interface GatewayQueryApi {
  /** Tells whether a client is connected. */
  isOnline(clientId: string): Promise<boolean>;
  /** The uid of a client; `null` when it has none or is not connected. */
  getUidByClientId(clientId: string): Promise<string | null>;
  /** The session of a client: `null` when it is not connected, `undefined` when it was never set. */
  getSession<Session = Record<string, unknown>>(
    clientId: string,
  ): Promise<Session | null | undefined>;
  /** Tells whether a uid has clients. */
  isUidOnline(uid: string | number): Promise<boolean>;
  /** Tells of each uid whether it has clients. Every uid asked for is in the map, as a string. */
  isUidsOnline(uids: readonly (string | number)[]): Promise<Map<string, boolean>>;
  /** Ids of the clients of a uid. */
  getClientIdByUid(uid: string | number): Promise<string[]>;
  /** Ids of the clients of each uid. Every uid asked for is in the map, as a string. */
  batchGetClientIdByUid(uids: readonly (string | number)[]): Promise<Map<string, string[]>>;
  /** Ids of the members of a group. */
  getClientIdListByGroup(group: string): Promise<string[]>;
  /** Number of the members of a group. */
  getClientIdCountByGroup(group: string): Promise<number>;
  /** The same as `getClientIdCountByGroup`. */
  getClientCountByGroup(group: string): Promise<number>;
  /** Number of the members of each group. Every group asked for is in the map. */
  batchGetClientIdCountByGroup(groups: readonly string[]): Promise<Map<string, number>>;
  /** Sessions of the members of a group by client id; `undefined` where one was never set. */
  getClientSessionsByGroup<Session = Record<string, unknown>>(
    group: string,
  ): Promise<Map<string, Session | undefined>>;
  /** The uids of the members of a group, each once. */
  getUidListByGroup(group: string): Promise<string[]>;
  /** Number of the different uids of the members of a group. */
  getUidCountByGroup(group: string): Promise<number>;
  /** Number of clients of the cluster. */
  getAllClientIdCount(): Promise<number>;
  /** The same as `getAllClientIdCount`. */
  getAllClientCount(): Promise<number>;
  /** Ids of every client of the cluster. */
  getAllClientIdList(): Promise<string[]>;
  /** Sessions of every client by client id; `undefined` where one was never set. */
  getAllClientSessions<Session = Record<string, unknown>>(): Promise<
    Map<string, Session | undefined>
  >;
  /** Every uid that has clients, once. */
  getAllUidList(): Promise<string[]>;
  /** Number of the uids that have clients. */
  getAllUidCount(): Promise<number>;
  /** Every group that has members, once. */
  getAllGroupIdList(): Promise<string[]>;
  /** Ids of the members of every group that has some, by group. */
  getAllGroupClientIdList(): Promise<Map<string, string[]>>;
  /** Number of the members of every group that has some, by group. */
  getAllGroupClientIdCount(): Promise<Map<string, number>>;
  /** The uids of the members of every group that has some, each once, by group. */
  getAllGroupUidList(): Promise<Map<string, string[]>>;
  /** Number of the different uids of the members of every group that has some, by group. */
  getAllGroupUidCount(): Promise<Map<string, number>>;
}
