import { Guard } from '@gatewayworker/core';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientTable } from '../clients/client-table.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ParkedClients } from './parked-clients.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  return () => vi.useRealTimers();
});

/** A table whose parked clients are ended by forgetting them. */
function start({ windowMs = 10_000, maxParked = 100, guard = new Guard() } = {}) {
  const clients = new ClientTable();
  const ended: ClientConnection[] = [];
  const parked = new ParkedClients({ windowMs, maxParked }, { clients, guard }, (client) => {
    ended.push(client);
    clients.remove(client);
  });
  onTestFinished(() => parked.close());
  const park = (awayMs?: number): ClientConnection => {
    const client = clients.add(silentSocket);
    parked.add(client, awayMs);
    return client;
  };
  return { clients, parked, ended, park };
}

test('parked clients: are counted, and not as online', () => {
  const { clients, parked, park } = start();
  clients.add(silentSocket);
  const client = park();
  park();
  expect([parked.size, clients.size, clients.parkedCount, clients.onlineCount]).toEqual([
    ...[2, 3, 2, 1],
  ]);
  parked.remove(client);
  expect([parked.size, clients.parkedCount, clients.onlineCount]).toEqual([1, 1, 2]);
  parked.remove(client);
  expect([parked.size, clients.parkedCount]).toEqual([1, 1]);
});

test('parked clients: end once the window is over, in half a second', () => {
  const { clients, parked, ended, park } = start();
  const first = park();
  vi.advanceTimersByTime(5000);
  const second = park();
  vi.advanceTimersByTime(4999);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(501);
  expect(ended).toEqual([first]);
  vi.advanceTimersByTime(5000);
  expect(ended).toEqual([first, second]);
  expect([parked.size, clients.size, clients.onlineCount]).toEqual([0, 0, 0]);
});

test('parked clients: one that came from elsewhere ends earlier', () => {
  const { ended, park } = start();
  const first = park();
  const moved = park(9000);
  vi.advanceTimersByTime(1500);
  expect(ended).toEqual([moved]);
  vi.advanceTimersByTime(9000);
  expect(ended).toEqual([moved, first]);
});

test('parked clients: the time away is that since the connection was lost', () => {
  const { parked, park } = start();
  const client = park(3000);
  vi.advanceTimersByTime(200);
  expect(parked.awayMs(client)).toBe(3200);
  expect(parked.remove(client)).toBe(3200);
  expect([parked.awayMs(client), parked.remove(client)]).toEqual([0, 0]);
});

test('parked clients: above maxParked the first one ends', () => {
  const { parked, ended, park } = start({ maxParked: 2 });
  const [first, second] = [park(), park()];
  park();
  expect([ended, parked.size]).toEqual([[first], 2]);
  park();
  expect([ended, parked.size]).toEqual([[first, second], 2]);
});

test('parked clients: with maxParked 0 each one ends at once', () => {
  const { clients, parked, ended, park } = start({ maxParked: 0 });
  park();
  expect([ended.length, parked.size, clients.size, clients.onlineCount]).toEqual([1, 0, 0, 0]);
});

test('parked clients: an empty table has no timer', () => {
  const { parked, park } = start();
  expect(vi.getTimerCount()).toBe(0);
  const client = park();
  expect(vi.getTimerCount()).toBe(1);
  parked.remove(client);
  vi.advanceTimersByTime(500);
  expect(vi.getTimerCount()).toBe(0);
  park();
  expect(vi.getTimerCount()).toBe(1);
  parked.close();
  expect(vi.getTimerCount()).toBe(0);
});
