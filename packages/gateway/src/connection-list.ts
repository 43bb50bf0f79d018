import { type ConnectionStatus, formatHostPort } from '@gatewayworker/core';
import type { ClientConnection } from './client-connection.ts';
import { type ClientTable, TABLE_PARTS } from './client-table.ts';

/** Lists the clients part by part; who comes or goes meanwhile may be in the list or not. */
export function* listConnections(clients: ClientTable): Iterable<readonly ConnectionStatus[]> {
  for (let part = 0; part < TABLE_PARTS; part += 1) {
    const rows = Array.from(clients.part(part), (client) =>
      describeConnection(client, clients.gatewayToken),
    );
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
