import { unpackValue } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { parseHandshakeAnswer } from './handshake-answer.ts';

test('handshake answer: accepts with uid, packed session and groups', () => {
  const decision = parseHandshakeAnswer({
    accept: true,
    uid: 7,
    session: { name: 'Tom' },
    groups: ['a', 'b'],
  });
  expect(decision).toMatchObject({ isAccepted: true, uid: '7', groups: ['a', 'b'] });
  expect(unpackValue(decision.session ?? Buffer.alloc(0))).toEqual({ name: 'Tom' });
});

test('handshake answer: accepts without a state', () => {
  const decision = parseHandshakeAnswer({ accept: true });
  expect(decision).toMatchObject({ isAccepted: true, uid: undefined, session: undefined });
  expect(decision.groups).toEqual([]);
});

test('handshake answer: refuses with 403 by default', () => {
  const { isAccepted, status, reason } = parseHandshakeAnswer({ accept: false });
  expect({ isAccepted, status, reason }).toEqual({
    isAccepted: false,
    status: 403,
    reason: 'refused',
  });
  expect(parseHandshakeAnswer({ accept: false, status: 401, reason: 'who?' })).toMatchObject({
    status: 401,
    reason: 'who?',
  });
});

const sparse: string[] = [];
sparse[1] = 'g';

test.each([
  ['nothing', undefined, TypeError],
  ['true', true, TypeError],
  ['no accept', {}, TypeError],
  ['a truthy accept', { accept: 'yes' }, TypeError],
  ['an empty uid', { accept: true, uid: '' }, TypeError],
  ['a session that is a list', { accept: true, session: [] }, TypeError],
  ['a session that cannot be packed', { accept: true, session: { f: () => 1 } }, TypeError],
  [
    'a session that is too large',
    { accept: true, session: { x: 'x'.repeat(1 << 21) } },
    RangeError,
  ],
  ['groups that are a string', { accept: true, groups: 'abc' }, TypeError],
  ['an unknown key', { accept: true, group: ['a'] }, TypeError],
  ['a uid that is no integer', { accept: true, uid: 1.5 }, TypeError],
  ['groups with a hole', { accept: true, groups: sparse }, TypeError],
  ['an empty group', { accept: true, groups: [''] }, TypeError],
  [
    'more groups than fit',
    {
      accept: true,
      groups: Array.from({ length: 20 }, (_, index) => String(index).padEnd(60_000, 'g')),
    },
    RangeError,
  ],
  ['status 200', { accept: false, status: 200 }, RangeError],
  ['a reason that is no string', { accept: false, reason: 5 }, TypeError],
  ['a reason that is too long', { accept: false, reason: 'x'.repeat(1025) }, RangeError],
])('handshake answer: throws for %s', (_name, answer, error) => {
  expect(() => parseHandshakeAnswer(answer)).toThrow(error);
});
