import type { ResumableInfo } from '@gatewayworker/protocol';
import { expect, onTestFinished, test, vi } from 'vitest';
import { MoveableSession } from './moveable-session.ts';

const [first, second] = ['the first one', 'the second!!!'].map((text) =>
  Uint8Array.from(Buffer.from(text)),
) as [Uint8Array, Uint8Array];

function infoOf(info: Partial<ResumableInfo> = {}): ResumableInfo {
  return {
    ...{ clientId: 'AAAAABBBBBCCCCCDDDDD', generation: 2, secret: first, received: 5 },
    ...{ previousSecret: undefined, windowMs: 120_000, ageMs: 300, uidAgeMs: 200 },
    groups: [{ group: 'g', ageMs: 100 }],
    ...info,
  };
}

/** Stops the clock until the test ends. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

const { clientId } = infoOf();

test('moveable session: is described as it was received, but older', () => {
  stopClock();
  const session = new MoveableSession(infoOf());
  vi.advanceTimersByTime(1000);
  expect(session.describe(clientId)).toEqual(
    infoOf({ ageMs: 1300, uidAgeMs: 1200, groups: [{ group: 'g', ageMs: 1100 }] }),
  );
});

test('moveable session: groups and uid have the age of their last change', () => {
  stopClock();
  const session = new MoveableSession(infoOf());
  vi.advanceTimersByTime(1000);
  session.join('h');
  session.leave('g');
  session.setUid();
  vi.advanceTimersByTime(10);
  const { uidAgeMs, groups, ageMs } = session.describe(clientId);
  expect({ uidAgeMs, groups, ageMs }).toEqual({
    ...{ uidAgeMs: 10, ageMs: 1310 },
    groups: [{ group: 'h', ageMs: 10 }],
  });
});

test('moveable session: ages end at the largest u32', () => {
  stopClock();
  const session = new MoveableSession(infoOf({ ageMs: 0xffff_ffff }));
  vi.advanceTimersByTime(1000);
  expect(session.describe(clientId).ageMs).toBe(0xffff_ffff);
});

test('moveable session: keeps the number of the last message or request', () => {
  const session = new MoveableSession(infoOf());
  session.record({ kind: 'message', message: 'x', byteLength: 1, number: 6 });
  expect(session.received).toBe(6);
  const request = { number: 9, requestType: 't', payload: Buffer.alloc(0), flags: 0 };
  session.record({ kind: 'request', request, byteLength: 0 });
  session.record({ kind: 'connected' });
  expect(session.received).toBe(9);
});

test('moveable session: knows since when the client has no connection', () => {
  stopClock();
  const session = new MoveableSession(infoOf());
  expect(session.awayMs).toBeUndefined();
  session.record({ kind: 'dropped' });
  vi.advanceTimersByTime(70);
  // A redelivered drop.
  session.record({ kind: 'dropped', isRedelivered: true });
  expect(session.awayMs).toBe(70);
  session.record({ kind: 'resumed', awayMs: 70 });
  expect(session.awayMs).toBeUndefined();
});

test('moveable session: an update takes the values of the gateway, no lower number', () => {
  stopClock();
  const session = new MoveableSession(infoOf());
  session.update(
    infoOf({ generation: 3, received: 2, windowMs: 1000, secret: second, groups: [] }),
  );
  expect(session.describe(clientId)).toMatchObject({
    ...{ generation: 3, received: 5, windowMs: 1000, secret: second, groups: [] },
  });
  session.update(infoOf({ received: 8 }));
  expect(session.received).toBe(8);
});

test('moveable session: secrets are copied, because the frame is reused', () => {
  const [current, previous] = [Uint8Array.from(first), Uint8Array.from(second)];
  const session = new MoveableSession(infoOf());
  session.setSecret(current, previous);
  current.fill(0);
  previous.fill(0);
  expect([session.allows(first), session.allows(second)]).toEqual([true, true]);
});

test('moveable session: a constructor copies the secret too', () => {
  const secret = Uint8Array.from(first);
  const session = new MoveableSession(infoOf({ secret }));
  secret.fill(0);
  expect([session.allows(first), session.allows(secret)]).toEqual([true, false]);
});

test.each([
  ['the current one', first, true],
  ['the previous one', second, true],
  ['another one', Buffer.from('the third one'), false],
  ['a shorter one', first.subarray(0, 5), false],
  ['an empty one', Buffer.alloc(0), false],
])('moveable session: allows %s: %#', (_, secret, isAllowed) => {
  const session = new MoveableSession(infoOf({ previousSecret: second }));
  expect(session.allows(secret)).toBe(isAllowed);
});

test('moveable session: an empty secret of the gateway allows nothing', () => {
  const session = new MoveableSession(infoOf({ secret: Buffer.alloc(0) }));
  expect(session.allows(Buffer.alloc(0))).toBe(false);
});

test('moveable session: each move raises the generation', () => {
  const session = new MoveableSession(infoOf());
  session.raiseGeneration();
  session.raiseGeneration();
  expect(session.describe(clientId).generation).toBe(4);
});
