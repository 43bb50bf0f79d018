import type { Logger } from '@gatewayworker/core';
import type { HandshakeDecision } from '@gatewayworker/protocol';
import type { ClientConnection } from './client-connection.ts';
import type { ClientSender } from './client-sender.ts';
import type { ClientTable } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';
import type { MembershipIndex } from './subscriptions/membership-index.ts';

/** What commands read and change: the clients of this process and the tables about them. */
export interface GatewayState {
  readonly clients: ClientTable;
  /** Clients by uid. */
  readonly uids: MembershipIndex<ClientConnection>;
  /** Clients by group. */
  readonly groups: MembershipIndex<ClientConnection>;
  readonly sender: ClientSender;
  readonly limits: LimitCounters;
  readonly logger: Logger;
}

/** Gives a client what the application let it in with. */
export function equipClient(
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

/** Takes a client out of every table. */
export function forgetClient(state: GatewayState, client: ClientConnection): void {
  state.clients.remove(client);
  if (client.uid !== undefined) state.uids.remove(client.uid, client);
  for (const group of client.groups) state.groups.remove(group, client);
}
