import { expect, test } from 'vitest';
import { canonicalAddress, isLoopback, isWildcard } from './ip-address.ts';

test.each([
  ['::1', ['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::0001']],
  ['127.0.0.1', ['127.0.0.1', '::ffff:127.0.0.1', '::FFFF:7f00:1', '0:0:0:0:0:ffff:7F00:0001']],
  ['2001:db8::a', ['2001:DB8::A', '2001:0db8:0:0:0:0:0:000a', '2001:db8::0:a']],
  ['::ffff:0:1:2', ['::ffff:0:1:2', '0:0:0:0:ffff:0:1:2']],
])('canonicalAddress: every notation of %s gives that address', (canonical, forms) => {
  for (const form of forms) expect(canonicalAddress(form)).toBe(canonical);
});

test.each(['', 'localhost', '1.2.3', '01.2.3.4', '::ffff:', '::g', '[::1]', '1.2.3.4:80'])(
  'canonicalAddress: %j is not an address',
  (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  },
);

test.each(['::ffff:1.2.3.4%x', 'fe80::1%eth0', '::1%[', '::1%/?#@'])(
  'canonicalAddress: %j has a zone and is not an address',
  (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  },
);

test('isLoopback, isWildcard: every notation of an address is recognized', () => {
  for (const host of ['0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::FFFF:7F00:2', 'LOCALHOST']) {
    expect([host, isLoopback(host), isWildcard(host)]).toEqual([host, true, false]);
  }
  for (const host of ['::', '0:0:0:0:0:0:0:0', '0.0.0.0', '::ffff:0.0.0.0', '0000::']) {
    expect([host, isLoopback(host), isWildcard(host)]).toEqual([host, false, true]);
  }
  for (const host of ['127.999.0.1', '127.0.0.1.evil.org', '::1%lo', '::2', '']) {
    expect([host, isLoopback(host), isWildcard(host)]).toEqual([host, false, false]);
  }
});
