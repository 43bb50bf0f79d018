import { packValue } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { parseCookies, parseHandshakeRequest } from './handshake-request.ts';

test('handshake request: parses url, query, headers and cookies', () => {
  const headers = { host: 'example.org', cookie: 'sid=abc; theme=dark' };
  const request = parseHandshakeRequest(
    packValue({ url: '/chat?room=r%201&tag=a&tag=b?c', headers }),
  );
  expect(request.url).toBe('/chat?room=r%201&tag=a&tag=b?c');
  expect([...request.query]).toEqual([
    ['room', 'r 1'],
    ['tag', 'a'],
    ['tag', 'b?c'],
  ]);
  expect(request.headers).toEqual(headers);
  expect(request.cookies).toEqual({ sid: 'abc', theme: 'dark' });
});

test('handshake request: parses a request without query and cookies', () => {
  const request = parseHandshakeRequest(packValue({ url: '/', headers: {} }));
  expect([...request.query]).toEqual([]);
  expect(request.cookies).toEqual({});
});

test('handshake request: refuses other bytes', () => {
  expect(() => parseHandshakeRequest(packValue({ url: 1 }))).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});

test.each<[string, [string, string][]]>([
  ['', []],
  ['a=1', [['a', '1']]],
  [
    '  a = 1 ;b=2;  c=3',
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ],
  ['a=b=c==', [['a', 'b=c==']]],
  ['a="quoted value"', [['a', 'quoted value']]],
  ['a=%C3%A9%20x', [['a', 'é x']]],
  ['a=100%', [['a', '100%']]],
  ['a=', [['a', '']]],
  ['a=1; a=2', [['a', '1']]],
  ['a', []],
  ['=1', []],
  [';;; a=1;', [['a', '1']]],
  ['toString=1', [['toString', '1']]],
])('cookies: parses "%s"', (header, expected) => {
  expect(Object.entries(parseCookies(header))).toEqual(expected);
});

test('cookies: __proto__ is an ordinary name', () => {
  const cookies = parseCookies('__proto__=x; a=1');
  expect(Object.getPrototypeOf(cookies)).toBe(Object.prototype);
  expect(Object.entries(cookies)).toEqual([
    ['__proto__', 'x'],
    ['a', '1'],
  ]);
});
