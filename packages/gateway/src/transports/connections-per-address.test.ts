import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ConnectionsPerAddress } from './connections-per-address.ts';

test.each([
  ['2001:db8:0:1::1', '2001:db8:0:1:ffff:ffff:ffff:ffff'],
  ['2001:db8::1', '2001:db8::2:3'],
  ['::1', '::2'],
  ['fe80::1', 'fe80::ffff'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4::'],
  ['9.9.9.9', '9.9.9.9'],
])('connections per address: %s and %s share a limit', (one, other) => {
  const connections = new ConnectionsPerAddress(1);
  expect(connections.take(one, new Socket())).toBe(true);
  expect(connections.take(other, new Socket())).toBe(false);
  expect(connections.size).toBe(1);
});

test.each([
  ['2001:db8:0:1::1', '2001:db8:0:2::1'],
  ['2001:db8::1', '2001:db9::1'],
  ['1:2:3:4:5:6:7:8', '1:2:3:5:5:6:7:8'],
  ['9.9.9.9', '9.9.9.10'],
])('connections per address: %s and %s have separate limits', (one, other) => {
  const connections = new ConnectionsPerAddress(1);
  expect(connections.take(one, new Socket())).toBe(true);
  expect(connections.take(other, new Socket())).toBe(true);
});

test('connections per address: closing a connection frees its place', async () => {
  const connections = new ConnectionsPerAddress(1);
  const socket = new Socket();
  connections.take('2001:db8::1', socket);
  await new Promise((resolve) => socket.once('close', resolve).destroy());
  expect(connections.size).toBe(0);
  expect(connections.take('2001:db8::2', new Socket())).toBe(true);
});
