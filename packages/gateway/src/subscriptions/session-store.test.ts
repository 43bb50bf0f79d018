import {
  emptyDelta,
  MAX_SESSION_LEVELS,
  packValue,
  unpackValue,
  unsetDelta,
} from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { parseSession, SessionStore } from './session-store.ts';

function read(store: SessionStore): unknown {
  return store.packed === undefined ? undefined : unpackValue(store.packed);
}

test('session store: is undefined until it is set', () => {
  const store = new SessionStore();
  expect(store.packed).toBeUndefined();
});

test('session store: replace sets the session and returns the change', () => {
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

test('session store: merge is deep and returns the changed keys', () => {
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

test('session store: merge creates a missing session', () => {
  const store = new SessionStore();
  store.merge({ a: 1 });
  expect(read(store)).toEqual({ a: 1 });
});

test('session store: apply changes some keys and keeps the others', () => {
  const store = new SessionStore();
  store.replace({ a: 1, b: 2, c: 3 });
  store.apply({ ...emptyDelta(), remove: ['a'], set: { b: 5 } });
  expect(read(store)).toEqual({ b: 5, c: 3 });
});

test('session store: is undefined again after it is unset', () => {
  const store = new SessionStore();
  store.replace({ a: 1 });
  store.apply(unsetDelta());
  expect(store.packed).toBeUndefined();
});

test('session store: shares no memory with its input', () => {
  const store = new SessionStore();
  const session = { list: [1] };
  store.replace(session);
  session.list.push(2);
  expect(read(store)).toEqual({ list: [1] });
});

test('session store: input cannot set the prototype of a session', () => {
  const store = new SessionStore();
  store.replace(parseSession(packValue(JSON.parse('{"__proto__":{"isAdmin":true},"a":1}'))));
  store.merge(parseSession(packValue(JSON.parse('{"__proto__":{"isAdmin":true}}'))));
  expect(read(store)).not.toHaveProperty('isAdmin');
  expect(read(store)).toHaveProperty('a', 1);
});

test.each([null, 1, 'text', [], [1], Buffer.from('x'), new Date(0)])(
  'parseSession: refuses %s, which is not an object',
  (value) => {
    expect(() => parseSession(packValue(value))).toThrow(
      expect.objectContaining({ code: 'GW_ERR_SESSION_INVALID' }),
    );
  },
);

test('parseSession: refuses bytes that are not msgpack', () => {
  expect(() => parseSession(Buffer.from('82a1', 'hex'))).toThrow(
    expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }),
  );
});

/** A session with this many levels. */
function nested(levels: number): Record<string, unknown> {
  return levels === 1 ? { a: 1 } : { a: nested(levels - 1) };
}

test('session store: accepts 100 levels and refuses 101', () => {
  const store = new SessionStore();
  store.replace(nested(MAX_SESSION_LEVELS));
  const { packed } = store;
  const invalid = expect.objectContaining({ code: 'GW_ERR_SESSION_INVALID' });
  expect(() => store.replace(nested(MAX_SESSION_LEVELS + 1))).toThrow(invalid);
  expect(() => store.merge(nested(MAX_SESSION_LEVELS + 1))).toThrow(invalid);
  expect(store.packed).toBe(packed);
});
