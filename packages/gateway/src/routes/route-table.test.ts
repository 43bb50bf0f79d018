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
])('%s leads to %s', (url, worker) => {
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
])('%j leads nowhere', (url) => {
  expect(table.find(url)).toBeUndefined();
});

test('a slash leads every path somewhere that has no longer route, but no broken one', () => {
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

test('of several routes the longest counts, wherever it stands', () => {
  for (const routes of [
    { '/a': '1', '/a/b/c': '3', '/a/b': '2' },
    { '/a/b/c': '3', '/a/b': '2', '/a': '1' },
  ]) {
    const paths = ['/a/x', '/a/b/x', '/a/b/c/x', '/a/bc'];
    expect(paths.map((path) => new RouteTable(routes).find(path))).toEqual(['1', '2', '3', '1']);
  }
});

test('a name that cannot be encoded is no path', () => {
  expect(normalizePath('/\ud800')).toBeUndefined();
});
