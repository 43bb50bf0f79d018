import { expect, test } from 'vitest';
import { isHost, parseListenAddress } from './listen-address.ts';

test.each([
  ['websocket://0.0.0.0:8282', 'websocket', '0.0.0.0', 8282],
  ['websocket://[::]:0', 'websocket', '::', 0],
  ['text://localhost:1', 'text', 'localhost', 1],
  ['frame://127.0.0.1:2', 'frame', '127.0.0.1', 2],
  ['tcp://gateway.internal:3', 'tcp', 'gateway.internal', 3],
])('listen address: parses %s', (text, scheme, host, port) => {
  expect(parseListenAddress(text)).toEqual({ scheme, host, port });
});

test('listen address: a custom protocol requires a scheme that is not built in', () => {
  expect(parseListenAddress('json-lines://[::1]:4', true).scheme).toBe('json-lines');
  expect(() => parseListenAddress('json-lines://[::1]:4')).toThrow(/protocol option/);
  expect(() => parseListenAddress('text://[::1]:4', true)).toThrow(/protocol of your own/);
});

test('listen address: the error shows the whole value and the range of the port', () => {
  expect(() => parseListenAddress('websocket://127.0.0.1:99999')).toThrow(
    'option Gateway.listen is "websocket://127.0.0.1:99999"; allowed: websocket://host:port with a port from 0 to 65535',
  );
});

test.each([
  ['127.0.0.1', true],
  ['::1', true],
  ['localhost', true],
  ['a-b.example.com', true],
  ['999.1.1.1', false],
  ['not a host', false],
  ['-a.com', false],
  ['', false],
  ['a'.repeat(64), false],
])('isHost: %j is valid: %j', (text, expected) => {
  expect(isHost(text)).toBe(expected);
});
