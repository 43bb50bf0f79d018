import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { formatClientId } from '@gatewayworker/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { AliasTable } from './alias-table.ts';
import { GatewayLink } from './gateway-link.ts';

function createLink(gatewayToken: number): GatewayLink {
  const socket = new Socket();
  onTestFinished(() => {
    socket.destroy();
  });
  return new GatewayLink(new FrameConnection(socket, new FlushScheduler()), {
    address: `10.0.0.${gatewayToken}:2900`,
    instanceId: `instance-${gatewayToken}`,
    gatewayToken,
    name: 'gateway',
  });
}

const id = { gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 6 };
const clientId = formatClientId(id);
const at = (connection: number) => ({ connection, nonceHigh: 8, nonceLow: 9 });

test('alias table: the newest alias of a client counts', () => {
  const [second, third] = [createLink(2), createLink(3)];
  const aliases = new AliasTable();
  expect(aliases.find(id)).toBeUndefined();
  aliases.set(clientId, second, at(1));
  expect(aliases.find(id)).toMatchObject({ link: second, ...at(1) });
  aliases.set(clientId, third, at(2));
  expect(aliases.find(id)).toMatchObject({ link: third, ...at(2) });
  expect(aliases.size).toBe(1);
});

test('alias table: only the full client id finds the alias', () => {
  const aliases = new AliasTable();
  aliases.set(clientId, createLink(2), at(1));
  for (const name of ['gatewayToken', 'connection', 'nonceHigh', 'nonceLow'] as const) {
    expect(aliases.find({ ...id, [name]: 1000 })).toBeUndefined();
  }
});

test('alias table: a client that returns to its first gateway has no alias', () => {
  const [first, second] = [createLink(1), createLink(2)];
  const aliases = new AliasTable();
  aliases.set(clientId, second, at(1));
  aliases.set(clientId, first, id);
  expect([aliases.find(id), aliases.size]).toEqual([undefined, 0]);
  // It has an alias if its address there is another one.
  aliases.set(clientId, first, at(1));
  expect(aliases.find(id)).toMatchObject({ link: first, ...at(1) });
});

test('alias table: remove ends only the alias that leads to this connection', () => {
  const [second, third] = [createLink(2), createLink(3)];
  const aliases = new AliasTable();
  aliases.set(clientId, second, at(1));
  aliases.remove(clientId, third, 1);
  aliases.remove(clientId, second, 2);
  expect(aliases.size).toBe(1);
  aliases.remove(clientId, second, 1);
  aliases.remove(clientId, second, 1);
  expect([aliases.find(id), aliases.size]).toEqual([undefined, 0]);
});

test('alias table: the end of a link removes all of its aliases', () => {
  const [second, third] = [createLink(2), createLink(3)];
  const aliases = new AliasTable();
  for (let connection = 0; connection < 5; connection++) {
    const link = connection === 3 ? third : second;
    aliases.set(formatClientId({ ...id, connection }), link, at(connection));
  }
  aliases.removeLink(second);
  expect(aliases.size).toBe(1);
  expect(aliases.find({ ...id, connection: 3 })).toMatchObject({ link: third });
});

test('alias table: ignores what is not a client id', () => {
  const link = createLink(2);
  const aliases = new AliasTable();
  aliases.set('unknown', link, at(1));
  aliases.remove('unknown', link, 1);
  expect(aliases.size).toBe(0);
});
