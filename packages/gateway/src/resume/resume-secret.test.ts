import { expect, test } from 'vitest';
import { ResumeSecret } from './resume-secret.ts';

test('resume secret: is random, and allows only itself', () => {
  const [secret, other] = [new ResumeSecret(), new ResumeSecret()];
  expect(secret.current).toHaveLength(16);
  expect(secret.current.equals(other.current)).toBe(false);
  expect(secret.allows(secret.current)).toBe(true);
  for (const wrong of [
    other.current,
    Buffer.alloc(0),
    secret.current.subarray(0, 15),
    Buffer.concat([secret.current, Buffer.of(0)]),
  ]) {
    expect(secret.allows(wrong)).toBe(false);
  }
});

test('resume secret: the used one stays valid until the client has the next one', () => {
  const secret = new ResumeSecret();
  const first = Buffer.from(secret.current);
  secret.rotate(first);
  const second = Buffer.from(secret.current);
  expect(second.equals(first)).toBe(false);
  expect([secret.allows(first), secret.allows(second)]).toEqual([true, true]);
  secret.confirm();
  expect([secret.allows(first), secret.allows(second)]).toEqual([false, true]);
});

test('resume secret: a client that gets no Welcome can use its secret again and again', () => {
  const secret = new ResumeSecret();
  const first = Buffer.from(secret.current);
  const unused: Buffer[] = [];
  for (let count = 0; count < 5; count += 1) {
    secret.rotate(first);
    unused.push(Buffer.from(secret.current));
  }
  // Of those that may not have arrived, only the last one is valid.
  expect(unused.map((one) => secret.allows(one))).toEqual([false, false, false, false, true]);
  expect(secret.allows(first)).toBe(true);
});

test('resume secret: of three in a row, the oldest is not valid', () => {
  const secret = new ResumeSecret();
  const first = Buffer.from(secret.current);
  secret.rotate(first);
  const second = Buffer.from(secret.current);
  secret.rotate(second);
  expect([secret.allows(first), secret.allows(second)]).toEqual([false, true]);
});

test('resume secret: another process continues with copies of both', () => {
  const [current, previous] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  const secret = new ResumeSecret();
  secret.restore(current, previous);
  current.fill(9);
  previous.fill(9);
  expect([secret.allows(Buffer.alloc(16, 1)), secret.allows(Buffer.alloc(16, 2))]).toEqual([
    ...[true, true],
  ]);
  secret.restore(Buffer.alloc(16, 3), undefined);
  expect([secret.allows(Buffer.alloc(16, 2)), secret.previous]).toEqual([false, undefined]);
});
