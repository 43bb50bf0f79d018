import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ClientTable } from './client-table.ts';
import { listConnections } from './connection-list.ts';

const socket = {
  ...silentSocket,
  remotePort: 50_000,
  pendingBytes: 3,
  bytesRead: 7,
  bytesWritten: 9,
};

test('connection list: describes each client', () => {
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

test('connection list: lists many clients in parts, each client once', () => {
  const clients = new ClientTable();
  const ids = Array.from({ length: 1_000 }, () =>
    clients.add(socket).clientId(clients.gatewayToken),
  );
  const parts = [...listConnections(clients)];
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.flatMap((rows) => rows.map(({ clientId }) => clientId)).sort()).toEqual(ids.sort());
});

test('connection list: a part ends with the client that passes 1 Mi characters', () => {
  const clients = new ClientTable();
  for (let count = 0; count < 1_000; count += 1) clients.add(socket);
  for (const client of clients.part(0)) {
    for (let group = 0; group < 10; group += 1) client.addGroup(`${group}`.repeat(40_000));
  }
  const parts = [...listConnections(clients)];
  expect(new Set(parts.flat().map(({ clientId }) => clientId)).size).toBe(1_000);
  const longest = Math.max(...parts.map((rows) => JSON.stringify(rows).length));
  expect(longest).toBeGreaterThan(1_048_576);
  expect(longest).toBeLessThan(1.5 * 1_048_576);
});
