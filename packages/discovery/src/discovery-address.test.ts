import { expect, test } from 'vitest';
import { parseDiscoveryAddress } from './discovery-address.ts';

test('discovery address: accepts one register or several, in order', () => {
  expect(parseDiscoveryAddress('x', '127.0.0.1:1236')).toEqual({
    kind: 'registers',
    registers: [{ host: '127.0.0.1', port: 1236 }],
  });
  expect(parseDiscoveryAddress('x', ['a:1', '[::1]:2'])).toMatchObject({
    registers: [
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ],
  });
});

const none = { user: undefined, password: undefined };

test.each([
  [
    'etcd://127.0.0.1:2379',
    { endpoints: ['http://127.0.0.1:2379'], prefix: '/gatewayworker', ...none },
  ],
  [
    'etcds://a:1,[::1]:2/chat/prod/',
    { endpoints: ['https://a:1', 'https://[::1]:2'], prefix: '/chat/prod', ...none },
  ],
  [
    'etcd://root:p%40ss@a:1/',
    { endpoints: ['http://a:1'], prefix: '/gatewayworker', user: 'root', password: 'p@ss' },
  ],
])('discovery address: accepts the etcd %s', (text, expected) => {
  expect(parseDiscoveryAddress('x', text)).toEqual({ kind: 'etcd', ...expected });
});

test.each([
  [[], 'allowed: at least one host:port'],
  ['', 'allowed: host:port'],
  [undefined, 'allowed: host:port'],
  [['a:1', 7], 'allowed: host:port'],
  [[['a:1']], 'allowed: host:port'],
  ['a:0', 'allowed: a port from 1 to 65535'],
  [['a:1', 'b:0'], 'option Gateway.registerAddress is "b:0"'],
  ['etcd://', 'allowed: etcd://host:port,host:port/prefix'],
  ['etcd://a', 'allowed: host:port'],
  ['etcd://a:1/pre fix', 'allowed: etcd://host:port'],
  ['redis://a:1', 'allowed: host:port'],
])('discovery address: refuses %j', (value, message) => {
  expect(() => parseDiscoveryAddress('Gateway.registerAddress', value)).toThrow(message);
});

test('discovery address: the error shows no password', () => {
  const parse = () => parseDiscoveryAddress('x', 'etcd://root:hunter2@a:1/pre fix');
  expect(parse).toThrow('etcd://hidden@a:1');
  expect(parse).not.toThrow('hunter2');
});
