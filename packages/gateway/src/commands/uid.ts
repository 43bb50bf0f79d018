import type { ByteReader } from '@gatewayworker/protocol';
import type { ClientConnection } from '../client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { readClient } from './send.ts';

/** Binds a client to a uid; the last bind wins. */
export function bindUid(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client !== undefined) setUid(state, client, reader.readRestName());
}

/** Unbinds a client from its uid. */
export function unbindUid(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client !== undefined) setUid(state, client, undefined);
}

function setUid(state: GatewayState, client: ClientConnection, uid: string | undefined): void {
  if (client.uid === uid) return;
  if (client.uid !== undefined) state.uids.remove(client.uid, client);
  client.uid = uid;
  if (uid !== undefined && !client.isClosing) state.uids.add(uid, client);
  client.worker?.connection.send({ type: 'uidChanged', connection: client.connection, uid });
}
