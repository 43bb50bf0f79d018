import { expect, test } from 'vitest';
import { OriginList } from './origin-list.ts';

test('an empty list allows every origin, and none at all', () => {
  const list = new OriginList([]);
  expect(list.allows('https://anywhere.example')).toBe(true);
  expect(list.allows(undefined)).toBe(true);
});

test.each([
  ['https://example.com', true],
  ['https://a.example.org', true],
  ['https://a.b.example.org', true],
  ['https://a.example.org:8443', false],
  ['http://example.com', false],
  ['https://example.com.evil.net', false],
  ['https://example.org', false],
  ['https://evil.net/.example.org', false],
  ['https://evilexample.org', false],
  ['null', false],
  [undefined, false],
])('a list with exact origins and subdomains answers %j with %j', (origin, expected) => {
  const list = new OriginList(['https://example.com', 'https://*.example.org']);
  expect(list.allows(origin)).toBe(expected);
});
