/** Whether a uid is connected. */
export interface UidState {
  /** `online`: a client of the uid is connected; `away`: all are parked; `offline`: there is none. */
  readonly state: 'online' | 'away' | 'offline';
  /** When the last connection of the uid ended; `undefined` while it is online, or if no gateway knows it. */
  readonly lastSeen: Date | undefined;
}

/**
 * The queries of the Gateway API. Each resolves with the complete answer, or rejects with `GW_ERR_NOT_CONNECTED` or
 * with a `PartialResultError`, which contains the partial answer.
 */
export interface GatewayQueryApi {
  /** Whether a client is connected. */
  isOnline(clientId: string): Promise<boolean>;
  /** The uid of a client; `null` when it has none or is not connected. */
  getUidByClientId(clientId: string): Promise<string | null>;
  /** The session of a client: `null` when it is not connected, `undefined` when it was never set. */
  getSession<Session = Record<string, unknown>>(
    clientId: string,
  ): Promise<Session | null | undefined>;
  /** Whether a uid has clients. */
  isUidOnline(uid: string | number): Promise<boolean>;
  /** For each uid, whether it has clients. The map contains every requested uid, as a string. */
  isUidsOnline(uids: readonly (string | number)[]): Promise<Map<string, boolean>>;
  /**
   * Whether a uid is connected: `online` with a connected client, `away` with parked ones only, otherwise `offline`; and
   * when its last connection ended.
   */
  getUidState(uid: string | number): Promise<UidState>;
  /** The same for each uid. The map contains every requested uid, as a string. */
  getUidStates(uids: readonly (string | number)[]): Promise<Map<string, UidState>>;
  /** Ids of the clients of a uid. */
  getClientIdByUid(uid: string | number): Promise<string[]>;
  /** Ids of the clients of each uid. The map contains every requested uid, as a string. */
  batchGetClientIdByUid(uids: readonly (string | number)[]): Promise<Map<string, string[]>>;
  /** Ids of the members of a group. */
  getClientIdListByGroup(group: string): Promise<string[]>;
  /** Number of members of a group. */
  getClientIdCountByGroup(group: string): Promise<number>;
  /** The same as `getClientIdCountByGroup`. */
  getClientCountByGroup(group: string): Promise<number>;
  /** Number of members of each group. The map contains every requested group. */
  batchGetClientIdCountByGroup(groups: readonly string[]): Promise<Map<string, number>>;
  /** Sessions of the members of a group by client id; a session that was never set is `undefined`. */
  getClientSessionsByGroup<Session = Record<string, unknown>>(
    group: string,
  ): Promise<Map<string, Session | undefined>>;
  /** The uids of the members of a group, without duplicates. */
  getUidListByGroup(group: string): Promise<string[]>;
  /** Number of different uids of the members of a group. */
  getUidCountByGroup(group: string): Promise<number>;
  /** Number of clients of the cluster. */
  getAllClientIdCount(): Promise<number>;
  /** The same as `getAllClientIdCount`. */
  getAllClientCount(): Promise<number>;
  /** Ids of every client of the cluster. */
  getAllClientIdList(): Promise<string[]>;
  /** Sessions of every client by client id; a session that was never set is `undefined`. */
  getAllClientSessions<Session = Record<string, unknown>>(): Promise<
    Map<string, Session | undefined>
  >;
  /** Every uid that has clients, without duplicates. */
  getAllUidList(): Promise<string[]>;
  /** Number of uids that have clients. */
  getAllUidCount(): Promise<number>;
  /** Every group that has members, without duplicates. */
  getAllGroupIdList(): Promise<string[]>;
  /** Ids of the members of every group that has members, by group. */
  getAllGroupClientIdList(): Promise<Map<string, string[]>>;
  /** Number of members of every group that has members, by group. */
  getAllGroupClientIdCount(): Promise<Map<string, number>>;
  /** The uids of the members of every group that has members, without duplicates, by group. */
  getAllGroupUidList(): Promise<Map<string, string[]>>;
  /** Number of different uids of the members of every group that has members, by group. */
  getAllGroupUidCount(): Promise<Map<string, number>>;
}
