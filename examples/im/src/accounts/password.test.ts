import { expect, test } from 'vitest';
import { PasswordHasher } from './password.ts';

const hasher = new PasswordHasher(10);

test('a password fits its hash, and nothing else does', async () => {
  const hash = await hasher.hash('correct horse');
  expect(hash).toMatch(/^scrypt\$1024\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  expect(await hasher.verify('correct horse', hash)).toBe(true);
  expect(await hasher.verify('Correct horse', hash)).toBe(false);
  expect(await hasher.verify('', hash)).toBe(false);
  expect(await hasher.hash('correct horse')).not.toBe(hash);
});

test('the form in which a keyboard composes a letter makes no difference', async () => {
  expect(await hasher.verify('cafe\u0301 au lait', await hasher.hash('café au lait'))).toBe(true);
});

test('a hash keeps its own parameters when the cost is raised', async () => {
  const hash = await hasher.hash('correct horse');
  expect(await new PasswordHasher(12).verify('correct horse', hash)).toBe(true);
});

test('for a name that nobody has, a password is checked all the same, and wrong', async () => {
  expect(await hasher.verify('anything', undefined)).toBe(false);
});

test('those that wait are bounded', async () => {
  const busy = new PasswordHasher(10);
  const outcomes = await Promise.allSettled(Array.from({ length: 80 }, () => busy.hash('secret')));
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(16);
  expect(refused[0]).toMatchObject({ reason: { code: 'busy' } });
  await expect(busy.hash('secret')).resolves.toMatch(/^scrypt/);
});
