import { expect, test } from 'vitest';
import { createToken, findToken, hashToken, refuseForeignOrigin } from './token.ts';

test('token: random, stored as a hash', () => {
  const token = createToken();
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(createToken()).not.toBe(token);
  expect(hashToken(token)).toMatch(/^[0-9a-f]{64}$/);
  expect(hashToken(token)).not.toContain(token);
});

test('token: read from the Authorization header or from the cookie', () => {
  const [authorization, cookie] = ['Bearer abc', 'xyz'];
  expect(findToken({ authorization, cookie })).toEqual({ token: 'abc', byCookie: false });
  expect(findToken({ authorization: undefined, cookie })).toEqual({ token: 'xyz', byCookie: true });
  expect(findToken({ authorization: 'Basic abc', cookie: '' })).toBeUndefined();
  expect(findToken({ authorization: undefined, cookie: undefined })).toBeUndefined();
});

test.each([
  ['http://im.local:3002', 'im.local:3002'],
  ['http://IM.local', 'im.local:80'],
  ['https://im.example', 'https://im.example'],
  ['http://[::1]:3002', '[::1]:3002'],
])('token: origin %s is accepted for the page at %s', (origin, own) => {
  expect(() => refuseForeignOrigin(origin, own)).not.toThrow();
});

test.each([
  [undefined, 'im.local:3002'],
  ['null', 'im.local:3002'],
  ['http://im.local:3003', 'im.local:3002'],
  ['http://im.local.evil.example:3002', 'im.local:3002'],
  ['http://im.example', 'https://im.example'],
  ['http://im.local', ''],
])('token: origin %s is rejected for the page at %s', (origin, own) => {
  expect(() => refuseForeignOrigin(origin, own)).toThrow('Only pages of this messenger');
});
