import { expect, test } from 'vitest';
import { hideSecrets } from './hide-secrets.ts';

test.each([
  ['etcd://root:pw@host:2379/prefix', 'etcd://hidden@host:2379/prefix'],
  ['etcd://root:p/w@host:2379', 'etcd://hidden@host:2379'],
  ['etcd://root:p@w@host:2379', 'etcd://hidden@host:2379'],
  ['etcd://token@host:2379', 'hidden@host:2379'],
  ['root:pw@host:2379', 'hidden@host:2379'],
  ['-----BEGIN PRIVATE KEY-----\nMII', 'hidden'],
  [
    { name: 'a', secretkey: 'b', passphrase: 'c' },
    { name: 'a', secretkey: 'hidden', passphrase: 'hidden' },
  ],
  [[{ deep: { password: 'a' } }], [{ deep: { password: 'hidden' } }]],
])('hideSecrets: %j becomes %j', (value, shown) => {
  expect(hideSecrets(value)).toEqual(shown);
});

test.each([
  '127.0.0.1:1236',
  'me@home',
  '',
  5,
  null,
  undefined,
  true,
  7n,
  ['a:1', 'b:2'],
  { a: 1 },
])('hideSecrets: %o stays the same', (value) => {
  expect(hideSecrets(value)).toEqual(value);
});

test('hideSecrets: a circular object is cut', () => {
  const value: Record<string, unknown> = { name: 'a' };
  value['self'] = value;
  expect(JSON.stringify(hideSecrets(value))).toContain('"self":"hidden"');
});
