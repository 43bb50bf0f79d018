import type { Guard, Logger, ThrottledLog } from '@gatewayworker/core';
import type { HandshakeDecision } from '@gatewayworker/protocol';
import type { ClientConnection } from './clients/client-connection.ts';
import type { ClientSender } from './clients/client-sender.ts';
import type { ClientTables } from './clients/client-table.ts';
import type { LimitCounters } from './clients/limit-counters.ts';

/** The state that commands read and change: the clients of this process, and the indexes over them. */
export interface GatewayState extends ClientTables {
  readonly sender: ClientSender;
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly logger: Logger;
  /** For log lines that a client can cause. */
  readonly clientLog: ThrottledLog;
}

/** Sets the session, uid and groups that a handshake decision assigns to a client. */
export function applyHandshakeDecision(
  state: GatewayState,
  client: ClientConnection,
  { uid, session, groups }: HandshakeDecision,
): void {
  client.session.restore(session);
  if (uid !== undefined) {
    client.uid = uid;
    state.uids.add(uid, client);
  }
  for (const group of groups) {
    client.addGroup(group);
    state.groups.add(group, client);
  }
}
