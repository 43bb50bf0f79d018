import { type ByteReader, ClosedBy, readClose, readIsBinary } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { readClient } from './send.ts';

/** Sends an optional last message to a client, and closes it. */
export function closeClient(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client !== undefined) close(state, [client], reader);
}

/** Sends an optional last message to every client of a uid, and closes them. */
export function closeUid(state: GatewayState, reader: ByteReader): void {
  const uid = reader.readShortString();
  close(state, [...(state.uids.get(uid) ?? [])], reader);
}

/** Sends an optional last message to every member of a group, and closes them. */
export function closeGroup(state: GatewayState, reader: ByteReader): void {
  const group = reader.readShortString();
  close(state, [...(state.groups.get(group) ?? [])], reader);
}

/** Closes the socket of a client at once, without a close frame. */
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
  const { sender } = state;
  const { buffer, offset, end } = reader;
  const frame = hasPayload ? sender.frame(reader.readRestBytes(), isBinary) : undefined;
  for (const client of clients) {
    if (hasPayload && client.resumable !== undefined) {
      sender.sendMessage(client, buffer, offset, end, isBinary);
    } else if (frame !== undefined) {
      sender.sendFrame(client, frame);
    }
    state.sender.close(client, { by: ClosedBy.Server, code, reason });
  }
}
