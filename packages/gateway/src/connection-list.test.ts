import { expect, test } from 'vitest';
import { ClientTable } from './client-table.ts';
import { listConnections } from './connection-list.ts';
import { silentSocket } from './transports/client-socket.fixture.ts';

const socket = {
  ...silentSocket,
  remotePort: 50_000,
  pendingBytes: 3,
  bytesRead: 7,
  bytesWritten: 9,
};

test('tells of each client what is known of it', () => {
  const clients = new ClientTable();
  const client = clients.add(socket);
  client.uid = 'tom';
  client.addGroup('r1');
  client.eventsInFlight = 2;
  expect([...listConnections(clients)]).toEqual([
    [
      {
        clientId: client.clientId(clients.gatewayToken),
        remoteAddress: '[::1]:50000',
        uid: 'tom',
        groups: ['r1'],
        worker: null,
        bytesRead: 7,
        bytesWritten: 9,
        pendingBytes: 3,
        inFlight: 2,
      },
    ],
  ]);
});

test('lists many clients some at a time, each once', () => {
  const clients = new ClientTable();
  const ids = Array.from({ length: 1_000 }, () =>
    clients.add(socket).clientId(clients.gatewayToken),
  );
  const parts = [...listConnections(clients)];
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.flatMap((rows) => rows.map(({ clientId }) => clientId)).sort()).toEqual(ids.sort());
});
