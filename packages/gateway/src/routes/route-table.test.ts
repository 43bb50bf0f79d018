import { expect, test } from 'vitest';
import { normalizePath, RouteTable } from './route-table.ts';

const table = new RouteTable({
  '/chat': 'chat',
  '/chat/vip': 'vip',
  '/game/': 'game',
  '/café': 'café',
  '/a%2Fb': 'slash',
});

test.each([
  ['/chat', 'chat'],
  ['/chat/', 'chat'],
  ['/chat?room=1', 'chat'],
  ['/chat/room1', 'chat'],
  ['/chat//room1', 'chat'],
  ['/chat/vip', 'vip'],
  ['/chat/vip/1?x=/game', 'vip'],
  ['/chat/vips', 'chat'],
  ['/ch%61t', 'chat'],
  ['/game', 'game'],
  ['/game/1', 'game'],
  ['/caf%C3%A9', 'café'],
  ['/caf%c3%a9/1', 'café'],
  ['/a%2fb', 'slash'],
  ['ws://example.com/chat', 'chat'],
  ['HTTP://example.com:80/game/1?x', 'game'],
])('route table: %s matches the route of %s', (url, worker) => {
  expect(table.find(url)).toBe(worker);
});

test.each([
  '/',
  '',
  '*',
  'chat',
  '/chats',
  '/CHAT',
  '/chat%2Fvip',
  '//chat',
  '/x/chat',
  '/a/b',
  '/chat/../game',
  '/chat/%2e%2E/game',
  '/chat/./x',
  '/chat/%zz',
  '/chat/%',
  'ws://example.com',
  'ws://chat/',
])('route table: %j matches no route', (url) => {
  expect(table.find(url)).toBeUndefined();
});

test('route table: / matches every valid path without a longer match', () => {
  const withRest = new RouteTable({ '/': 'rest', '/chat': 'chat' });
  const urls = ['/', '/?x', '/chats', '//', '/x/y', 'ws://example.com', '/chat/1', '/..', '/%', ''];
  expect(urls.map((url) => withRest.find(url))).toEqual([
    ...Array.from({ length: 6 }, () => 'rest'),
    'chat',
    undefined,
    undefined,
    undefined,
  ]);
});

test('route table: the longest match wins, in any order of the routes', () => {
  for (const routes of [
    { '/a': '1', '/a/b/c': '3', '/a/b': '2' },
    { '/a/b/c': '3', '/a/b': '2', '/a': '1' },
  ]) {
    const paths = ['/a/x', '/a/b/x', '/a/b/c/x', '/a/bc'];
    expect(paths.map((path) => new RouteTable(routes).find(path))).toEqual(['1', '2', '3', '1']);
  }
});

test('normalizePath: refuses a path that cannot be encoded', () => {
  expect(normalizePath('/\ud800')).toBeUndefined();
});
