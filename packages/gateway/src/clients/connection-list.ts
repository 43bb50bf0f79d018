import { formatHostPort } from '@gatewayworker/core';
import type { ConnectionStatus } from '@gatewayworker/protocol';
import type { ClientConnection } from './client-connection.ts';
import { type ClientTable, TABLE_PARTS } from './client-table.ts';

/** Size at which a part of the list ends, in characters: one part is one line of the control socket. */
const PART_CHARACTERS = 1_048_576;
/** Estimated characters of a client without its groups. */
const CLIENT_CHARACTERS = 512;

/** Lists the clients part by part. A client that connects or closes between two parts may be missing. */
export function* listConnections(clients: ClientTable): Iterable<readonly ConnectionStatus[]> {
  for (let part = 0; part < TABLE_PARTS; part += 1) {
    let rows: ConnectionStatus[] = [];
    let characters = 0;
    // A copy, because the table changes while the reader takes a part.
    for (const client of [...clients.part(part)]) {
      const row = describeConnection(client, clients.gatewayToken);
      rows.push(row);
      characters += CLIENT_CHARACTERS;
      for (const group of row.groups) characters += group.length;
      if (characters < PART_CHARACTERS) continue;
      yield rows;
      rows = [];
      characters = 0;
    }
    if (rows.length > 0) yield rows;
  }
}

function describeConnection(client: ClientConnection, gatewayToken: number): ConnectionStatus {
  const { socket, worker } = client;
  return {
    clientId: client.clientId(gatewayToken),
    remoteAddress: formatHostPort(socket.remoteAddress, socket.remotePort),
    uid: client.uid ?? null,
    groups: [...client.groups],
    worker: worker === undefined ? null : `${worker.name}#${worker.id}`,
    bytesRead: socket.bytesRead,
    bytesWritten: socket.bytesWritten,
    pendingBytes: socket.pendingBytes,
    inFlight: client.eventsInFlight,
  };
}
