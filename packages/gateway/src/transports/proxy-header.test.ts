import { expect, test } from 'vitest';
import { parseProxyHeader } from './proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

function version2(command: string, family: string, body: string): Buffer {
  const length = (body.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(signature + command + family + length + body, 'hex');
}

const tcp4 = version2('21', '11', '0102030405060708115c0050');
const tcp6 = version2('21', '21', `20010db8${'0'.repeat(22)}01${'0'.repeat(32)}115c0050`);

test.each([
  ['TCP4', 'PROXY TCP4 1.2.3.4 5.6.7.8 4444 80\r\n', { address: '1.2.3.4', port: 4444 }],
  ['TCP6', 'PROXY TCP6 2001:db8::1 ::1 4444 80\r\n', { address: '2001:db8::1', port: 4444 }],
  [
    'an IPv4-mapped address',
    'PROXY TCP6 ::FFFF:102:304 ::1 4444 80\r\n',
    { address: '1.2.3.4', port: 4444 },
  ],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', undefined],
  ['UNKNOWN with addresses', 'PROXY UNKNOWN ffff:: ::1 1 2\r\n', undefined],
])('PROXY header: parses version 1, %s', (_name, text, source) => {
  const bytes = Buffer.from(`${text}GET /`);
  expect(parseProxyHeader(bytes)).toEqual({ byteLength: text.length, source });
});

test.each([
  ['IPv4', tcp4, { address: '1.2.3.4', port: 4444 }],
  ['IPv6', tcp6, { address: '2001:db8::1', port: 4444 }],
  ['LOCAL', version2('20', '00', ''), undefined],
  ['LOCAL with addresses', version2('20', '11', '0102030405060708115c0050'), undefined],
  ['a unix socket', version2('21', '31', '00'.repeat(216)), undefined],
  [
    'TLVs',
    version2('21', '11', '0102030405060708115c0050ea0003616263'),
    {
      address: '1.2.3.4',
      port: 4444,
    },
  ],
])('PROXY header: parses version 2, %s', (_name, bytes, source) => {
  const stream = Buffer.concat([bytes, Buffer.from('rest')]);
  expect(parseProxyHeader(stream)).toEqual({ byteLength: bytes.length, source });
});

test.each([
  ['no header', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a family that differs from the address', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
  ['a missing port', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n')],
  ['an invalid port', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 70000 2\r\n')],
  ['an invalid destination port', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n')],
  ['a source with a zone', Buffer.from('PROXY TCP6 ::ffff:1.2.3.4%x ::1 5 6\r\n')],
  ['a destination with a zone', Buffer.from('PROXY TCP6 ::1 fe80::1%x 5 6\r\n')],
  ['an endless line', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['an unknown command', version2('22', '11', '0102030405060708115c0050')],
  ['an unknown version', version2('31', '11', '0102030405060708115c0050')],
  ['truncated addresses', version2('21', '11', '01020304')],
  ['a huge length', Buffer.from(`${signature}2111ffff`, 'hex')],
])('PROXY header: refuses %s', (_name, bytes) => {
  expect(() => parseProxyHeader(bytes)).toThrow();
});

test.each([
  ['version 1', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 4444 80\r\n')],
  ['IPv4', tcp4],
  ['IPv6', tcp6],
])('PROXY header: an incomplete header is undefined, %s', (_name, bytes) => {
  for (let length = 1; length < bytes.length; length += 1) {
    expect(parseProxyHeader(bytes.subarray(0, length))).toBeUndefined();
  }
});
