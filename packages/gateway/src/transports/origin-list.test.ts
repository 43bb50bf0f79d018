import { expect, test } from 'vitest';
import { normalizeOrigin, OriginList } from './origin-list.ts';

test('origin list: an empty list allows every origin, and a missing one', () => {
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
])('origin list: %j is allowed: %j', (origin, expected) => {
  const list = new OriginList(['https://example.com', 'https://*.example.org']);
  expect(list.allows(origin)).toBe(expected);
});

test.each([
  ['https://Example.com', 'https://example.com'],
  ['HTTPS://example.com:443', 'https://example.com'],
  ['http://example.com:80', 'http://example.com'],
  ['https://example.com:8443', 'https://example.com:8443'],
  ['https://*.Example.com:443', 'https://*.example.com'],
  ['https://*.b\u00fccher.example', 'https://*.xn--bcher-kva.example'],
  ['https://[::1]:443', 'https://[::1]'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['example.com', undefined],
  ['null', undefined],
  ['https://', undefined],
  ['https://example.com/', undefined],
  ['https://example.com?x', undefined],
  ['https://example.com#x', undefined],
  ['https://user@example.com', undefined],
  ['https://a.*.example.com', undefined],
  ['https://example.com:99999', undefined],
])('normalizeOrigin: %j becomes %j', (entry, origin) => {
  expect(normalizeOrigin(entry)).toBe(origin);
});

test('origin list: entries match the origins that browsers send', () => {
  const list = new OriginList(['https://Example.com:443', 'https://*.Example.org:443']);
  for (const origin of ['https://example.com', 'https://a.example.org']) {
    expect(list.allows(origin)).toBe(true);
  }
});
