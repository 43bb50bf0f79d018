import { CLIENT_ID_FIELD_LIMIT, parseClientId } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ClientTable } from './client-table.ts';

test('client table: finds a client by its number and by its address', () => {
  const table = new ClientTable();
  const client = table.add(silentSocket);
  expect(table.get(client.connection)).toBe(client);
  expect(table.at(client)).toBe(client);
  expect(table.find(client.connection, client.nonceHigh, client.nonceLow)).toBe(client);
});

test('client table: a guessed or stale address finds no client', () => {
  const table = new ClientTable();
  const { connection, nonceHigh, nonceLow } = table.add(silentSocket);
  expect(table.find(connection, nonceHigh, nonceLow ^ 1)).toBeUndefined();
  expect(table.find(connection, nonceHigh ^ 1, nonceLow)).toBeUndefined();
  expect(table.find(connection + 1, nonceHigh, nonceLow)).toBeUndefined();
  expect(table.find(connection, nonceLow, nonceHigh)).toBeUndefined();
});

test('client table: removes one client and keeps the others', () => {
  const table = new ClientTable();
  const [first, second] = [table.add(silentSocket), table.add(silentSocket)];
  table.remove(first);
  expect(table.size).toBe(1);
  expect(table.at(first)).toBeUndefined();
  expect(table.at(second)).toBe(second);
  expect([...table.all()]).toEqual([second]);
});

test('client table: does not reuse a number right after it is free', () => {
  const table = new ClientTable();
  const first = table.add(silentSocket);
  table.remove(first);
  const second = table.add(silentSocket);
  expect(second.connection).not.toBe(first.connection);
  expect(table.at(first)).toBeUndefined();
});

test('client table: every client has a unique id, which finds it again', () => {
  const table = new ClientTable();
  const clients = Array.from({ length: 2000 }, () => table.add(silentSocket));
  const ids = clients.map((client) => client.clientId(table.gatewayToken));
  expect(new Set(ids).size).toBe(2000);
  clients.forEach((client, i) => {
    const address = parseClientId(ids[i] ?? '');
    expect(address?.gatewayToken).toBe(table.gatewayToken);
    expect(address === undefined ? undefined : table.at(address)).toBe(client);
  });
});

test('client table: both halves of a nonce are random numbers of 30 bits', () => {
  const table = new ClientTable();
  const nonces = Array.from({ length: 2000 }, () => table.add(silentSocket)).flatMap((client) => [
    client.nonceHigh,
    client.nonceLow,
  ]);
  // Among 4,000 random numbers of 30 bits, ten duplicates are practically impossible.
  expect(new Set(nonces).size).toBeGreaterThan(3990);
  for (const nonce of nonces) expect(nonce).toBeLessThan(CLIENT_ID_FIELD_LIMIT);
  expect(Math.max(...nonces)).toBeGreaterThan(CLIENT_ID_FIELD_LIMIT * 0.9);
  expect(Math.min(...nonces)).toBeLessThan(CLIENT_ID_FIELD_LIMIT * 0.1);
});

test('client table: the gateway token is random', () => {
  const tokens = Array.from({ length: 100 }, () => new ClientTable().gatewayToken);
  expect(new Set(tokens).size).toBeGreaterThan(98);
  for (const token of tokens) {
    expect(Number.isInteger(token) && token > 0 && token < CLIENT_ID_FIELD_LIMIT).toBe(true);
  }
});
