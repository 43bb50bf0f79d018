/**
 * Queries about the clients of a gateway. Those with the scope `client` go to the gateway of that client, the
 * others to every gateway; the asker joins the answers. `?` marks an answer that may be null.
 */
export const queries = {
  isOnline: { scope: 'client', fields: { client: 'ConnectionAddress' }, answer: 'boolean' },
  getUidByClientId: { scope: 'client', fields: { client: 'ConnectionAddress' }, answer: 'string?' },
  getSession: {
    scope: 'client',
    fields: { client: 'ConnectionAddress' },
    answer: 'SessionAnswer?',
  },
  isUidOnline: { scope: 'cluster', fields: { uid: 'string' }, answer: 'boolean' },
  isUidsOnline: { scope: 'cluster', fields: { uids: 'string[]' }, answer: 'boolean[]' },
  getClientIdByUid: { scope: 'cluster', fields: { uid: 'string' }, answer: 'string[]' },
  batchGetClientIdByUid: { scope: 'cluster', fields: { uids: 'string[]' }, answer: 'string[][]' },
  getClientIdListByGroup: { scope: 'cluster', fields: { group: 'string' }, answer: 'string[]' },
  getClientIdCountByGroup: { scope: 'cluster', fields: { group: 'string' }, answer: 'u32' },
  batchGetClientIdCountByGroup: {
    scope: 'cluster',
    fields: { groups: 'string[]' },
    answer: 'u32[]',
  },
  getClientSessionsByGroup: {
    scope: 'cluster',
    fields: { group: 'string' },
    answer: '[string, packed?][]',
  },
  getUidListByGroup: { scope: 'cluster', fields: { group: 'string' }, answer: 'string[]' },
  getUidStates: { scope: 'cluster', fields: { uids: 'string[]' }, answer: 'UidPresence[]' },
  getAllClientIdCount: { scope: 'cluster', fields: {}, answer: 'u32' },
  getAllClientIdList: { scope: 'cluster', fields: {}, answer: 'string[]' },
  getAllClientSessions: { scope: 'cluster', fields: {}, answer: '[string, packed?][]' },
  getAllUidList: { scope: 'cluster', fields: {}, answer: 'string[]' },
  getAllGroupIdList: { scope: 'cluster', fields: {}, answer: 'string[]' },
  getAllGroupClientIdList: { scope: 'cluster', fields: {}, answer: '[string, string[]][]' },
  getAllGroupClientIdCount: { scope: 'cluster', fields: {}, answer: '[string, u32][]' },
  getAllGroupUidList: { scope: 'cluster', fields: {}, answer: '[string, string[]][]' },
} as const;
