import { expect, test } from 'vitest';
import { plainAddress, TrustedProxies } from './trusted-proxies.ts';

test('shows an IPv4 address that came as IPv6 as what it is', () => {
  expect(plainAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
  for (const address of ['::FFFF:0a00:0001', '0:0:0:0:0:ffff:a00:1', '0000::ffff:10.0.0.1']) {
    expect(plainAddress(address)).toBe('10.0.0.1');
  }
  for (const address of ['2001:db8::1', '::ffff:0:1:2', '::ffff:', '::ffff:zz', '', '1.2.3.4']) {
    expect(plainAddress(address)).toBe(address);
  }
});

test('knows addresses and networks of both families', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.168.1.1', '2001:db8::/32']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.168.1.1', '2001:db8:1::1']) {
    expect(proxies.includes(address)).toBe(true);
  }
  for (const address of ['11.0.0.1', '192.168.1.2', '2001:db9::1', '', 'unknown']) {
    expect(proxies.includes(address)).toBe(false);
  }
});

test.each([
  ['nobody is trusted', false, '1.1.1.1', '9.9.9.9', '1.1.1.1'],
  ['everybody is trusted', true, '1.1.1.1', '9.9.9.9, 8.8.8.8', '9.9.9.9'],
  ['the peer is no proxy', ['10.0.0.0/8'], '1.1.1.1', '9.9.9.9', '1.1.1.1'],
  ['one proxy', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9', '9.9.9.9'],
  ['a client that forged a hop', ['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 9.9.9.9', '9.9.9.9'],
  ['two proxies', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9, 10.0.0.2', '9.9.9.9'],
  ['no header', ['10.0.0.0/8'], '10.0.0.1', undefined, '10.0.0.1'],
  ['a header of nonsense', ['10.0.0.0/8'], '10.0.0.1', 'unknown', '10.0.0.1'],
  ['nonsense to the left', ['10.0.0.0/8'], '10.0.0.1', 'x, 10.0.0.2', '10.0.0.2'],
  ['IPv6', ['::1'], '::1', '2001:db8::9', '2001:db8::9'],
  ['a port', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9:5678, 10.0.0.2:80', '9.9.9.9'],
  ['IPv6 in brackets', ['::1'], '::1', '[2001:db8::9]', '2001:db8::9'],
  ['IPv6 with a port', ['::1'], '::1', '[2001:db8::9]:99, [::1]:1', '2001:db8::9'],
  ['IPv4 as IPv6, in hexadecimal', ['10.0.0.0/8'], '::ffff:a00:1', '::ffff:0102:0304', '1.2.3.4'],
  ['a port that is none', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9:port', '10.0.0.1'],
  ['brackets around nonsense', ['10.0.0.0/8'], '10.0.0.1', '[9.9.9.9', '10.0.0.1'],
] as const)('finds the client when %s', (_name, trust, peer, header, client) => {
  expect(new TrustedProxies(trust).clientOf(peer, header)).toBe(client);
});
