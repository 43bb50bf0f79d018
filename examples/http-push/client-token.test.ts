import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientTokenVerifier, issueClientToken, tokenLifetimeMs } from './client-token.ts';

const key = randomBytes(32);
const clientId = 'a'.repeat(20);
const now = 1_000_000;
const makeVerifier = (options = {}) => new ClientTokenVerifier({ key, startedAt: now, ...options });

test('takes the token of a client id', () => {
  expect(makeVerifier().check(issueClientToken(key, clientId, now), clientId, now)).toBe('valid');
});

test('makes another token each time', () => {
  const token = issueClientToken(key, clientId, now);
  expect(issueClientToken(key, clientId, now)).not.toBe(token);
});

test('refuses the token of another client id', () => {
  const token = issueClientToken(key, 'b'.repeat(20), now);
  expect(makeVerifier().check(token, clientId, now)).toBe('foreign');
});

test('takes a token once', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  expect(verifier.check(token, clientId, now)).toBe('valid');
  verifier.spend(token);
  expect(verifier.check(token, clientId, now)).toBe('used');
  expect(verifier.check(issueClientToken(key, clientId, now), clientId, now)).toBe('valid');
});

test('a used token stays used when its signature is written in another way', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  verifier.spend(token);
  expect(verifier.check(`${token}=`, clientId, now)).toBe('used');
});

test('takes a token until its end and not at it', () => {
  const token = issueClientToken(key, clientId, now);
  const verifier = makeVerifier();
  expect(verifier.check(token, clientId, now + tokenLifetimeMs - 1)).toBe('valid');
  expect(verifier.check(token, clientId, now + tokenLifetimeMs)).toBe('expired');
});

test('refuses a token from before it began to remember', () => {
  const token = issueClientToken(key, clientId, now - 1);
  expect(makeVerifier().check(token, clientId, now)).toBe('expired');
});

test('refuses a token that is signed with another key', () => {
  const token = issueClientToken(randomBytes(32), clientId, now);
  expect(makeVerifier().check(token, clientId, now)).toBe('forged');
});

test('refuses a token with one character changed, wherever it is', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  const flip = (character: string) => (character === 'A' ? 'B' : 'A');
  // The last character carries two bits that belong to no byte.
  for (let index = 0; index < token.length - 1; index += 1) {
    const changed = token.slice(0, index) + flip(token.charAt(index)) + token.slice(index + 1);
    expect(verifier.check(changed, clientId, now), `character ${index}`).toBe('forged');
  }
});

test('takes no text for a token', () => {
  const verifier = makeVerifier();
  fc.assert(fc.property(fc.string(), (text) => verifier.check(text, clientId, now) === 'forged'));
  for (const text of ['', '.', '...', `${clientId}.${now * 2}.nonce.`]) {
    expect(verifier.check(text, clientId, now)).toBe('forged');
  }
});

test('remembers no more used tokens than its capacity, and each no longer than it lives', () => {
  const verifier = makeVerifier({ capacity: 2 });
  for (let count = 0; count < 2; count += 1) verifier.spend(issueClientToken(key, clientId, now));
  expect(verifier.check(issueClientToken(key, clientId, now), clientId, now)).toBe('crowded');
  const later = now + tokenLifetimeMs;
  expect(verifier.check(issueClientToken(key, clientId, later), clientId, later)).toBe('valid');
});
