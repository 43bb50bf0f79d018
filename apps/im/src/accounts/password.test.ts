import { expect, test } from 'vitest';
import { resolveImSettings } from '../settings.ts';
import { PasswordHasher } from './password.ts';

const hasher = new PasswordHasher(10);

test('password: verifies against its hash, other passwords do not', async () => {
  const hash = await hasher.hash('correct horse');
  expect(hash).toMatch(/^scrypt\$1024\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  expect(await hasher.verify('correct horse', hash)).toBe(true);
  expect(await hasher.verify('Correct horse', hash)).toBe(false);
  expect(await hasher.verify('', hash)).toBe(false);
  expect(await hasher.hash('correct horse')).not.toBe(hash);
});

test('password: composed and decomposed letters are equal', async () => {
  expect(await hasher.verify('cafe\u0301 au lait', await hasher.hash('café au lait'))).toBe(true);
});

test('password: a hash verifies with its own parameters after the cost is raised', async () => {
  const hash = await hasher.hash('correct horse');
  expect(await new PasswordHasher(12).verify('correct horse', hash)).toBe(true);
});

test('password: a hash made with p = 1 still verifies and counts as weak', async () => {
  // Node: scryptSync('correct horse', 'sixteen bytes ok', 32, { N: 1024, r: 8, p: 1 }).
  const old = 'scrypt$1024$8$1$c2l4dGVlbiBieXRlcyBvaw$cfPe0WGfVZ8OIjddoerh71TvAxgQZg41crtxy38ZNBQ';
  expect(await hasher.verify('correct horse', old)).toBe(true);
  expect(await hasher.verify('wrong horse', old)).toBe(false);
  expect(hasher.isWeak(old)).toBe(true);
  expect(hasher.isWeak(await hasher.hash('correct horse'))).toBe(false);
});

test('password: the default cost is the OWASP setting N = 2^15, r = 8, p = 3', async () => {
  const { passwordCost } = resolveImSettings({});
  const strong = new PasswordHasher(passwordCost);
  const hash = await strong.hash('correct horse');
  expect(hash).toMatch(/^scrypt\$32768\$8\$3\$/);
  expect(await strong.verify('correct horse', hash)).toBe(true);
});

test('password: verification without a hash returns false', async () => {
  expect(await hasher.verify('anything', undefined)).toBe(false);
});

test('password: the queue is bounded, more hashes are refused as busy', async () => {
  const busy = new PasswordHasher(10);
  const outcomes = await Promise.allSettled(Array.from({ length: 80 }, () => busy.hash('secret')));
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(16);
  expect(refused[0]).toMatchObject({ reason: { code: 'busy' } });
  await expect(busy.hash('secret')).resolves.toMatch(/^scrypt/);
});
