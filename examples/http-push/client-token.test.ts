import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientTokenVerifier, issueClientToken, tokenLifetimeMs } from './client-token.ts';

const key = randomBytes(32);
const clientId = 'a'.repeat(20);
const now = 1_000_000;
const makeVerifier = (options = {}) => new ClientTokenVerifier({ key, startedAt: now, ...options });

test('client token: valid for its client id', () => {
  expect(makeVerifier().check(issueClientToken(key, clientId, now), clientId, now)).toBe('valid');
});

test('client token: two tokens for one client id differ', () => {
  const token = issueClientToken(key, clientId, now);
  expect(issueClientToken(key, clientId, now)).not.toBe(token);
});

test('client token: rejected for another client id', () => {
  const token = issueClientToken(key, 'b'.repeat(20), now);
  expect(makeVerifier().check(token, clientId, now)).toBe('foreign');
});

test('client token: rejected on the second use', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  expect(verifier.check(token, clientId, now)).toBe('valid');
  verifier.markUsed(token);
  expect(verifier.check(token, clientId, now)).toBe('used');
  expect(verifier.check(issueClientToken(key, clientId, now), clientId, now)).toBe('valid');
});

test('client token: used, rejected with an equivalent encoding of its signature', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  verifier.markUsed(token);
  expect(verifier.check(`${token}=`, clientId, now)).toBe('used');
});

test('client token: valid until the last millisecond before its expiry', () => {
  const token = issueClientToken(key, clientId, now);
  const verifier = makeVerifier();
  expect(verifier.check(token, clientId, now + tokenLifetimeMs - 1)).toBe('valid');
  expect(verifier.check(token, clientId, now + tokenLifetimeMs)).toBe('expired');
});

test('client token: rejected if issued before the verifier started', () => {
  const token = issueClientToken(key, clientId, now - 1);
  expect(makeVerifier().check(token, clientId, now)).toBe('expired');
});

test('client token: rejected if signed with another key', () => {
  const token = issueClientToken(randomBytes(32), clientId, now);
  expect(makeVerifier().check(token, clientId, now)).toBe('forged');
});

test('client token: rejected if any single character is changed', () => {
  const verifier = makeVerifier();
  const token = issueClientToken(key, clientId, now);
  const flip = (character: string) => (character === 'A' ? 'B' : 'A');
  // The last character has two unused bits.
  for (let index = 0; index < token.length - 1; index += 1) {
    const changed = token.slice(0, index) + flip(token.charAt(index)) + token.slice(index + 1);
    expect(verifier.check(changed, clientId, now), `character ${index}`).toBe('forged');
  }
});

test('client token: random text is rejected', () => {
  const verifier = makeVerifier();
  fc.assert(fc.property(fc.string(), (text) => verifier.check(text, clientId, now) === 'forged'));
  for (const text of ['', '.', '...', `${clientId}.${now * 2}.nonce.`]) {
    expect(verifier.check(text, clientId, now)).toBe('forged');
  }
});

test('client token: used tokens are stored up to the capacity and until expiry', () => {
  const verifier = makeVerifier({ capacity: 2 });
  for (let count = 0; count < 2; count += 1)
    verifier.markUsed(issueClientToken(key, clientId, now));
  expect(verifier.check(issueClientToken(key, clientId, now), clientId, now)).toBe('full');
  const later = now + tokenLifetimeMs;
  expect(verifier.check(issueClientToken(key, clientId, later), clientId, later)).toBe('valid');
});
