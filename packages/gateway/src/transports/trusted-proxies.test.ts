import { expect, test } from 'vitest';
import { peerAddress, TrustedProxies } from './trusted-proxies.ts';

test('peerAddress: converts IPv4-mapped addresses, and removes the zone', () => {
  for (const address of ['::ffff:10.0.0.1', '::FFFF:0a00:0001', '0:0:0:0:0:ffff:a00:1']) {
    expect(peerAddress(address)).toBe('10.0.0.1');
  }
  expect(peerAddress('fe80::1%eth0')).toBe('fe80::1');
  for (const address of ['2001:db8::1', '::ffff:', '', '1.2.3.4']) {
    expect(peerAddress(address)).toBe(address);
  }
});

test('trusted proxies: matches addresses and networks of both families', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.168.1.1', '2001:db8::/32']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.168.1.1', '2001:db8:1::1']) {
    expect(proxies.includes(address)).toBe(true);
  }
  const mapped = new TrustedProxies(['::ffff:127.0.0.1', '::FFFF:0a00:0/104', '0:0:0:0:0:0:0:1']);
  for (const address of ['127.0.0.1', '10.1.2.3', '::ffff:a01:203', '::1', '0000::0001']) {
    expect(mapped.includes(address)).toBe(true);
  }
  for (const address of ['127.0.0.2', '11.0.0.1', '::2']) {
    expect(mapped.includes(address)).toBe(false);
  }
  expect(new TrustedProxies(['fe80::/10']).includes('fe80::1%eth0')).toBe(true);
  for (const address of ['11.0.0.1', '192.168.1.2', '2001:db9::1', '', 'unknown']) {
    expect(proxies.includes(address)).toBe(false);
  }
});

test.each([
  ['no proxy is trusted', false, '1.1.1.1', '9.9.9.9', '1.1.1.1'],
  ['all proxies are trusted', true, '1.1.1.1', '9.9.9.9, 8.8.8.8', '9.9.9.9'],
  ['an untrusted peer', ['10.0.0.0/8'], '1.1.1.1', '9.9.9.9', '1.1.1.1'],
  ['one proxy', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9', '9.9.9.9'],
  ['a forged hop', ['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 9.9.9.9', '9.9.9.9'],
  ['two proxies', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9, 10.0.0.2', '9.9.9.9'],
  ['no header', ['10.0.0.0/8'], '10.0.0.1', undefined, '10.0.0.1'],
  ['an invalid header', ['10.0.0.0/8'], '10.0.0.1', 'unknown', '10.0.0.1'],
  ['an invalid hop on the left', ['10.0.0.0/8'], '10.0.0.1', 'x, 10.0.0.2', '10.0.0.2'],
  ['IPv6', ['::1'], '::1', '2001:db8::9', '2001:db8::9'],
  ['a port', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9:5678, 10.0.0.2:80', '9.9.9.9'],
  ['IPv6 in brackets', ['::1'], '::1', '[2001:db8::9]', '2001:db8::9'],
  ['IPv6 with a port', ['::1'], '::1', '[2001:db8::9]:99, [::1]:1', '2001:db8::9'],
  ['IPv4 as IPv6, in hexadecimal', ['10.0.0.0/8'], '::ffff:a00:1', '::ffff:0102:0304', '1.2.3.4'],
  ['an invalid port', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9:port', '10.0.0.1'],
  ['an address with a zone', ['10.0.0.0/8'], '10.0.0.1', '::ffff:1.2.3.4%x', '10.0.0.1'],
  ['a zone in brackets', ['10.0.0.0/8'], '10.0.0.1', '[::ffff:1.2.3.4%x]:5', '10.0.0.1'],
  ['a zone left of a client', ['10.0.0.0/8'], '10.0.0.1', '::ffff:1.2.3.4%x, 9.9.9.9', '9.9.9.9'],
  ['a zone, and no proxy is trusted', false, '1.1.1.1', '::ffff:1.2.3.4%x', '1.1.1.1'],
  ['IPv6 in another form', ['0:0:0:0:0:0:0:1'], '::1', '2001:DB8:0::0009', '2001:db8::9'],
  ['an empty hop', ['10.0.0.0/8'], '10.0.0.1', '9.9.9.9,', '10.0.0.1'],
  ['an empty header', ['10.0.0.0/8'], '10.0.0.1', '', '10.0.0.1'],
  ['empty hops', true, '10.0.0.1', ',,,', '10.0.0.1'],
  ['a long hop', true, '10.0.0.1', `9.9.9.9, ${' '.repeat(9)}${'1'.repeat(999)}`, '10.0.0.1'],
  ['an unclosed bracket', ['10.0.0.0/8'], '10.0.0.1', '[9.9.9.9', '10.0.0.1'],
] as const)('trusted proxies: finds the client, %s', (_name, trust, peer, header, client) => {
  expect(new TrustedProxies(trust).clientOf(peer, header)).toBe(client);
});

test('trusted proxies: checks 32 hops at most', () => {
  const proxies = new TrustedProxies(true);
  const hops = Array.from({ length: 3000 }, (_, index) => `1.1.${index >> 8}.${index & 255}`);
  expect(proxies.clientOf('10.0.0.1', hops.join(', '))).toBe(hops.at(-32));
  expect(proxies.clientOf('10.0.0.1', hops.slice(0, 20).join(','))).toBe('1.1.0.0');
});

test.each(['fe80::1%eth0', '::1%x/64', '::ffff:10.0.0.0/129', '10.0.0.0/33', '10.0.0.0/8/8'])(
  'trusted proxies: refuses the entry %s',
  (entry) => {
    expect(() => new TrustedProxies([entry])).toThrow(
      expect.objectContaining({ code: 'GW_ERR_OPTION_INVALID' }),
    );
  },
);
