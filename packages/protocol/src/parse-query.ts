import type { Fields } from './fields.ts';
import type { AskedQuery, Query } from './query.ts';

/**
 * Reads the question of a query message.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} naming the field that is missing or wrong
 */
export function parseQuery(fields: Fields): AskedQuery {
  const name = fields.string('kind');
  const kind = name as Query['kind'];
  switch (kind) {
    case 'isOnline':
    case 'getUidByClientId':
    case 'getSession': {
      const client = fields.object('client');
      const connection = client.unsigned('connection');
      const nonceHigh = client.unsigned('nonceHigh');
      return { kind, client: { connection, nonceHigh, nonceLow: client.unsigned('nonceLow') } };
    }
    case 'isUidOnline':
    case 'getClientIdByUid':
      return { kind, uid: fields.string('uid') };
    case 'isUidsOnline':
    case 'batchGetClientIdByUid':
      return { kind, uids: fields.strings('uids') };
    case 'getClientIdListByGroup':
    case 'getClientIdCountByGroup':
    case 'getClientSessionsByGroup':
    case 'getUidListByGroup':
      return { kind, group: fields.string('group') };
    case 'batchGetClientIdCountByGroup':
      return { kind, groups: fields.strings('groups') };
    case 'getAllClientIdCount':
    case 'getAllClientIdList':
    case 'getAllClientSessions':
    case 'getAllUidList':
    case 'getAllGroupIdList':
    case 'getAllGroupClientIdList':
    case 'getAllGroupClientIdCount':
    case 'getAllGroupUidList':
      return { kind };
    default:
      // A newer peer may ask what this one does not know: that fails the query, not the link.
      kind satisfies never;
      return { kind: 'unknown', name };
  }
}
