import type { ByteReader } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { Caller } from './caller.ts';
import { readClient } from './send.ts';

/** Binds a client to a uid; the last bind wins. */
export function bindUid(state: GatewayState, reader: ByteReader, { worker }: Caller): void {
  const client = readClient(state, reader);
  if (client === undefined) return;
  const uid = reader.readRestName();
  countChange(client, worker);
  setUid(state, client, uid);
}

/** Unbinds a client from its uid. */
export function unbindUid(state: GatewayState, reader: ByteReader, { worker }: Caller): void {
  const client = readClient(state, reader);
  if (client === undefined) return;
  countChange(client, worker);
  setUid(state, client, undefined);
}

/** Counts a change by the worker of the client, which has it in its own copy already. */
function countChange(client: ClientConnection, worker: WorkerLink | undefined): void {
  if (worker !== undefined && client.worker === worker) client.appliedUidChanges += 1;
}

function setUid(state: GatewayState, client: ClientConnection, uid: string | undefined): void {
  if (client.uid === uid) return;
  if (client.uid !== undefined) {
    state.uids.remove(client.uid, client);
    if (!client.isClosing) state.clients.lastSeen.record(client.uid, client.awayMs);
  }
  client.uid = uid;
  client.resumable?.recordUid();
  if (uid !== undefined && !client.isClosing) state.uids.add(uid, client);
  const { connection, appliedUidChanges: appliedChanges } = client;
  client.worker?.connection.send({ type: 'uidChanged', connection, appliedChanges, uid });
}
