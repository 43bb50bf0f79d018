import {
  keepSession,
  MAX_SESSION_LEVELS,
  packValue,
  unpackValue,
  unsetSession,
} from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { parseSession, SessionStore } from './session-store.ts';

function read(store: SessionStore): unknown {
  return store.packed === undefined ? undefined : unpackValue(store.packed);
}

test('is undefined until it is set', () => {
  const store = new SessionStore();
  expect(store.packed).toBeUndefined();
});

test('is replaced by a whole session, and tells of the change', () => {
  const store = new SessionStore();
  store.replace({ a: 1 });
  expect(store.replace({ b: { c: [1] } })).toEqual({
    unset: false,
    clear: true,
    remove: [],
    set: { b: { c: [1] } },
    merge: {},
  });
  expect(read(store)).toEqual({ b: { c: [1] } });
});

test('is merged deeply, and tells of the keys that changed', () => {
  const store = new SessionStore();
  store.replace({ user: { name: 'Tom', age: 1 }, room: 'r1' });
  const delta = store.merge({ user: { age: 2 } });
  expect(delta).toEqual({
    unset: false,
    clear: false,
    remove: [],
    set: {},
    merge: { user: { remove: [], set: { age: 2 }, merge: {} } },
  });
  expect(read(store)).toEqual({ user: { name: 'Tom', age: 2 }, room: 'r1' });
});

test('is made by a merge where there was none', () => {
  const store = new SessionStore();
  store.merge({ a: 1 });
  expect(read(store)).toEqual({ a: 1 });
});

test('takes what a callback changed, and keeps the rest', () => {
  const store = new SessionStore();
  store.replace({ a: 1, b: 2, c: 3 });
  store.apply({ ...keepSession(), remove: ['a'], set: { b: 5 } });
  expect(read(store)).toEqual({ b: 5, c: 3 });
});

test('is undefined again when it is unset', () => {
  const store = new SessionStore();
  store.replace({ a: 1 });
  store.apply(unsetSession());
  expect(store.packed).toBeUndefined();
});

test('shares no memory with what it was given', () => {
  const store = new SessionStore();
  const session = { list: [1] };
  store.replace(session);
  session.list.push(2);
  expect(read(store)).toEqual({ list: [1] });
});

test('keeps a client from giving a session a prototype', () => {
  const store = new SessionStore();
  store.replace(parseSession(packValue(JSON.parse('{"__proto__":{"isAdmin":true},"a":1}'))));
  store.merge(parseSession(packValue(JSON.parse('{"__proto__":{"isAdmin":true}}'))));
  expect(read(store)).not.toHaveProperty('isAdmin');
  expect(read(store)).toHaveProperty('a', 1);
});

test.each([null, 1, 'text', [], [1], Buffer.from('x'), new Date(0)])(
  'refuses the session %s, which is no object',
  (value) => {
    expect(() => parseSession(packValue(value))).toThrow(
      expect.objectContaining({ code: 'GW_ERR_SESSION_INVALID' }),
    );
  },
);

test('refuses bytes that are no msgpack', () => {
  expect(() => parseSession(Buffer.from('82a1', 'hex'))).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});

/** A session of so many levels. */
function nested(levels: number): Record<string, unknown> {
  return levels === 1 ? { a: 1 } : { a: nested(levels - 1) };
}

test('session store: keeps 100 levels and refuses 101', () => {
  const store = new SessionStore();
  store.replace(nested(MAX_SESSION_LEVELS));
  const { packed } = store;
  const invalid = expect.objectContaining({ code: 'GW_ERR_SESSION_INVALID' });
  expect(() => store.replace(nested(MAX_SESSION_LEVELS + 1))).toThrow(invalid);
  expect(() => store.merge(nested(MAX_SESSION_LEVELS + 1))).toThrow(invalid);
  expect(store.packed).toBe(packed);
});
