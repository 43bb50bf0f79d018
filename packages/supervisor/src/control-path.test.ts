import { expect, test } from 'vitest';
import { controlPath, keeperPath } from './control-path.ts';

test('puts the socket beside the pid file', () => {
  expect(controlPath('/srv/chat/start.pid')).toBe('/srv/chat/start.sock');
});

test('keeps a path of 107 bytes and moves a longer one to the temporary folder', () => {
  const longest = `/${'a'.repeat(101)}.pid`;
  expect(Buffer.byteLength(controlPath(longest, '/tmp'))).toBe(107);
  expect(controlPath(longest, '/tmp')).toMatch(/^\/a+\.sock$/);
  expect(controlPath(`/a${longest.slice(1)}`, '/tmp')).toMatch(
    /^\/tmp\/gatewayworker-[0-9a-f]{32}\.sock$/,
  );
});

test('gives the keeper a socket of its own, wherever that of the master stands', () => {
  expect(keeperPath('/srv/chat/start.pid')).toBe('/srv/chat/start.keeper.sock');
  const long = `/${'a'.repeat(101)}.pid`;
  expect(keeperPath(long, '/tmp')).toMatch(/^\/tmp\/gatewayworker-[0-9a-f]{32}\.keeper\.sock$/);
});

test('counts bytes, not characters', () => {
  expect(controlPath(`/${'é'.repeat(60)}.pid`, '/tmp')).toMatch(/^\/tmp\/gatewayworker-/);
});

test('gives each pid file its own socket, the same each time', () => {
  const [one, other] = [`/${'a'.repeat(200)}.pid`, `/${'b'.repeat(200)}.pid`];
  expect(controlPath(one)).toBe(controlPath(one));
  expect(controlPath(one)).not.toBe(controlPath(other));
});
