import { CLIENT_ID_FIELD_LIMIT, parseClientId } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ClientTable } from './client-table.ts';

test('finds a client by its number and by its whole address', () => {
  const table = new ClientTable();
  const client = table.add(silentSocket);
  expect(table.get(client.connection)).toBe(client);
  expect(table.at(client)).toBe(client);
  expect(table.find(client.connection, client.nonceHigh, client.nonceLow)).toBe(client);
});

test('finds nobody by an address that is guessed or stale', () => {
  const table = new ClientTable();
  const { connection, nonceHigh, nonceLow } = table.add(silentSocket);
  expect(table.find(connection, nonceHigh, nonceLow ^ 1)).toBeUndefined();
  expect(table.find(connection, nonceHigh ^ 1, nonceLow)).toBeUndefined();
  expect(table.find(connection + 1, nonceHigh, nonceLow)).toBeUndefined();
  expect(table.find(connection, nonceLow, nonceHigh)).toBeUndefined();
});

test('forgets a client that is removed, and only that one', () => {
  const table = new ClientTable();
  const [first, second] = [table.add(silentSocket), table.add(silentSocket)];
  table.remove(first);
  expect(table.size).toBe(1);
  expect(table.at(first)).toBeUndefined();
  expect(table.at(second)).toBe(second);
  expect([...table.all()]).toEqual([second]);
});

test('gives a number to nobody else right after it is free', () => {
  const table = new ClientTable();
  const first = table.add(silentSocket);
  table.remove(first);
  const second = table.add(silentSocket);
  expect(second.connection).not.toBe(first.connection);
  expect(table.at(first)).toBeUndefined();
});

test('gives every client an id of its own, which names it', () => {
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

test('draws both halves of every nonce anew, each of 30 bits', () => {
  const table = new ClientTable();
  const nonces = Array.from({ length: 2000 }, () => table.add(silentSocket)).flatMap((client) => [
    client.nonceHigh,
    client.nonceLow,
  ]);
  // Of 4,000 numbers of 30 bits, seven equal pairs are as good as impossible; equal bits are not.
  expect(new Set(nonces).size).toBeGreaterThan(3990);
  for (const nonce of nonces) expect(nonce).toBeLessThan(CLIENT_ID_FIELD_LIMIT);
  expect(Math.max(...nonces)).toBeGreaterThan(CLIENT_ID_FIELD_LIMIT * 0.9);
  expect(Math.min(...nonces)).toBeLessThan(CLIENT_ID_FIELD_LIMIT * 0.1);
});

test('draws a token that a restarted process does not repeat', () => {
  const tokens = Array.from({ length: 100 }, () => new ClientTable().gatewayToken);
  expect(new Set(tokens).size).toBeGreaterThan(98);
  for (const token of tokens) {
    expect(Number.isInteger(token) && token > 0 && token < CLIENT_ID_FIELD_LIMIT).toBe(true);
  }
});
