import type { Logger } from '@gatewayworker/core';
import type { ClientConnection } from './client-connection.ts';
import type { ClientSender } from './client-sender.ts';
import type { ClientTable } from './client-table.ts';
import type { MembershipIndex } from './subscriptions/membership-index.ts';

/** What commands read and change: the clients of this process and the tables about them. */
export interface GatewayState {
  readonly clients: ClientTable;
  /** Clients by uid. */
  readonly uids: MembershipIndex<ClientConnection>;
  /** Clients by group. */
  readonly groups: MembershipIndex<ClientConnection>;
  readonly sender: ClientSender;
  readonly logger: Logger;
}

/** Takes a client out of every table. */
export function forgetClient(state: GatewayState, client: ClientConnection): void {
  state.clients.remove(client);
  if (client.uid !== undefined) state.uids.remove(client.uid, client);
  for (const group of client.groups) state.groups.remove(group, client);
}
