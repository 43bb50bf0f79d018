import type { Guard, Logger, ThrottledLog } from '@gatewayworker/core';
import type { HandshakeDecision } from '@gatewayworker/protocol';
import type { ClientConnection } from './client-connection.ts';
import type { ClientSender } from './client-sender.ts';
import type { ClientTable } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';
import type { MembershipIndex } from './subscriptions/membership-index.ts';

/** The clients of this process, and where they are found. */
export interface ClientTables {
  readonly clients: ClientTable;
  /** Clients by uid, those whose end is decided left out. */
  readonly uids: MembershipIndex<ClientConnection>;
  /** Clients by group, those whose end is decided left out. */
  readonly groups: MembershipIndex<ClientConnection>;
}

/** What commands read and change: the clients of this process and the tables about them. */
export interface GatewayState extends ClientTables {
  readonly sender: ClientSender;
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly logger: Logger;
  /** For lines that a client can cause. */
  readonly clientLog: ThrottledLog;
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

/**
 * Decides the end of a client: from now on nothing is sent to it and no query finds it. It keeps its uid,
 * groups and session until its socket has closed, for the worker that is to have its end.
 *
 * @returns false when that was decided before
 */
export function endClient(tables: ClientTables, client: ClientConnection): boolean {
  if (client.isClosing) return false;
  tables.clients.hide(client);
  if (client.uid !== undefined) tables.uids.remove(client.uid, client);
  for (const group of client.groups) tables.groups.remove(group, client);
  return true;
}

/** Takes a client whose socket has closed out of every table. */
export function forgetClient(tables: ClientTables, client: ClientConnection): void {
  endClient(tables, client);
  tables.clients.remove(client);
}
