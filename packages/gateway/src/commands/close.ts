import { type ByteReader, ClosedBy, readClose, readIsBinary } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { readClient } from './send.ts';

/** Sends the last message, if there is one, and closes a client. */
export function closeClient(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client !== undefined) close(state, [client], reader);
}

/** Sends the last message, if there is one, and closes every client of a uid. */
export function closeUid(state: GatewayState, reader: ByteReader): void {
  const uid = reader.readShortString();
  close(state, [...(state.uids.get(uid) ?? [])], reader);
}

/** Sends the last message, if there is one, and closes every member of a group. */
export function closeGroup(state: GatewayState, reader: ByteReader): void {
  const group = reader.readShortString();
  close(state, [...(state.groups.get(group) ?? [])], reader);
}

/** Drops a client at once. */
export function destroyClient(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client !== undefined) state.sender.destroy(client, ClosedBy.Server);
}

function close(
  state: GatewayState,
  clients: readonly ClientConnection[],
  reader: ByteReader,
): void {
  const { code, reason, hasPayload } = readClose(reader);
  const isBinary = hasPayload && readIsBinary(reader);
  const frame = hasPayload ? state.sender.frame(reader.readRestBytes(), isBinary) : undefined;
  for (const client of clients) {
    if (frame !== undefined) state.sender.sendFrame(client, frame);
    state.sender.close(client, { by: ClosedBy.Server, code, reason });
  }
}
