import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionDelta } from './messages.ts';
import {
  applySessionDelta,
  diffSession,
  emptyDelta,
  isDeepEqual,
  isPlainObject,
  mergeDelta,
  replacementDelta,
  type SessionData,
  unsetDelta,
} from './session-delta.ts';

/** Plain objects of these values; `fromEntries` makes even `__proto__` an own key. */
function objectOf<T>(
  names: readonly string[],
  held: fc.Arbitrary<T>,
): fc.Arbitrary<Record<string, T>> {
  return fc
    .array(fc.tuple(fc.constantFrom(...names), held), { maxLength: 5 })
    .map(Object.fromEntries);
}

// Few keys, so that two sessions often have the same ones; the last three are those of every object.
const keys = ['a', 'b', 'c', 'd', '0', '__proto__', 'constructor', 'toString'];
const value = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom(null, true, 'text'),
  fc.array(fc.nat(2), { maxLength: 2 }),
  objectOf(keys, fc.nat(2)),
);

function sessionOf(names: readonly string[]): fc.Arbitrary<SessionData> {
  return objectOf(names, value);
}

function apply(before: SessionData | undefined, delta: SessionDelta | undefined): unknown {
  return delta === undefined ? before : applySessionDelta(before, delta);
}

/** An own key `__proto__`, as JSON and msgpack may carry one. */
function withProtoKey(held: unknown): SessionData {
  return Object.fromEntries([['__proto__', held]]);
}

test('a diff that is applied to the first state gives the second', () => {
  fc.assert(
    fc.property(sessionOf(keys), sessionOf(keys), (before, after) => {
      expect(isDeepStrictEqual(apply(before, diffSession(before, after)), after)).toBe(true);
    }),
  );
});

test('there is no diff between equal states', () => {
  fc.assert(
    fc.property(sessionOf(keys), (session) => {
      expect(diffSession(session, structuredClone(session))).toBeUndefined();
    }),
  );
});

test('a diff names only the keys that changed', () => {
  const before = { kept: { deep: [1] }, changed: 1, removed: true };
  const after = { kept: { deep: [1] }, changed: 2, added: 'x' };
  expect(diffSession(before, after)).toEqual({
    unset: false,
    clear: false,
    remove: ['removed'],
    set: { changed: 2, added: 'x' },
    merge: {},
  });
});

test('a diff names the keys that changed at any depth, and lists as a whole', () => {
  const before = { cart: { a: 1, list: [1], gone: 1, deep: { x: 1 } }, text: 'x', kept: { y: 1 } };
  const after = { cart: { a: 2, list: [1, 2], deep: { x: 1 } }, text: { z: 1 }, kept: { y: 1 } };
  expect(diffSession(before, after)).toEqual({
    unset: false,
    clear: false,
    remove: [],
    set: { text: { z: 1 } },
    merge: { cart: { remove: ['gone'], set: { a: 2, list: [1, 2] }, merge: {} } },
  });
});

test('a diff merges an object that is new, an empty one too', () => {
  const merge = { cart: { remove: [], set: { b: 1 }, merge: {} } };
  expect(diffSession({}, { cart: { b: 1 } })).toMatchObject({ set: {}, merge });
  const delta = diffSession({}, { cart: {} });
  expect(apply({}, delta)).toEqual({ cart: {} });
  expect(apply({ cart: { c: 1 } }, delta)).toEqual({ cart: { c: 1 } });
});

test('a diff knows a session that was never set from an empty one', () => {
  expect(diffSession(undefined, undefined)).toBeUndefined();
  expect(apply(undefined, diffSession(undefined, {}))).toEqual({});
  expect(diffSession({}, undefined)).toEqual(unsetDelta());
});

test('a delta of what a key holds begins with an empty object where there is none', () => {
  const delta = diffSession({ cart: { a: 1, b: 1 } }, { cart: { a: 1, b: 2 } });
  for (const before of [{}, { cart: 5 }, { cart: [1] }, { cart: null }]) {
    expect(apply(before, delta)).toEqual({ cart: { b: 2 } });
  }
});

test('a key that holds undefined differs from a key that is not there', () => {
  expect(diffSession({}, { a: undefined })?.set).toHaveProperty('a');
  expect(diffSession({ a: undefined }, {})?.remove).toEqual(['a']);
});

test('deltas of two writers who change different keys commute and lose nothing', () => {
  const session = sessionOf(keys);
  fc.assert(
    fc.property(
      session,
      sessionOf(['a', 'b', '__proto__']),
      sessionOf(['c', 'd']),
      (base, p, q) => {
        const first = { ...emptyDelta(), remove: ['toString'], set: p };
        const second = { ...emptyDelta(), remove: ['constructor'], set: q };
        const oneWay = applySessionDelta(applySessionDelta(base, first), second);
        const otherWay = applySessionDelta(applySessionDelta(base, second), first);
        expect(isDeepStrictEqual(oneWay, otherWay)).toBe(true);
        for (const [key, set] of [...Object.entries(p), ...Object.entries(q)]) {
          expect(Object.getOwnPropertyDescriptor(oneWay, key)?.value).toBe(set);
        }
      },
    ),
  );
});

test('applying a delta changes neither the session nor the delta', () => {
  fc.assert(
    fc.property(sessionOf(keys), sessionOf(keys), (before, after) => {
      const delta = diffSession(before, after);
      const copies = structuredClone({ before, delta });
      apply(before, delta);
      expect(isDeepStrictEqual({ before, delta }, copies)).toBe(true);
    }),
  );
});

test('a replacement gives its state, whatever was there', () => {
  const delta = replacementDelta({ a: 1 });
  expect(applySessionDelta({ b: 2 }, delta)).toEqual({ a: 1 });
  expect(applySessionDelta(undefined, delta)).toEqual({ a: 1 });
});

test('a session that is unset is as if it had never been set', () => {
  expect(applySessionDelta({ a: 1 }, unsetDelta())).toBeUndefined();
});

test('a delta of a session that was never set makes one', () => {
  const delta = { ...emptyDelta(), remove: ['x'] };
  expect(applySessionDelta(undefined, delta)).toEqual({});
});

test('a delta clears first, then removes, then sets', () => {
  const delta = { ...emptyDelta(), clear: true, remove: ['a', 'b'], set: { a: 2 } };
  expect(applySessionDelta({ a: 1, b: 1, c: 1 }, delta)).toEqual({ a: 2 });
});

test.each<[string, SessionData | undefined, SessionData, SessionData]>([
  ['adds keys', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
  ['replaces values', { a: 1 }, { a: 2 }, { a: 2 }],
  [
    'merges objects deeply',
    { a: { b: 1, c: 1 } },
    { a: { c: 2, d: 2 } },
    { a: { b: 1, c: 2, d: 2 } },
  ],
  [
    'merges objects at any depth',
    { a: { b: { c: 1 } } },
    { a: { b: { d: 2 } } },
    { a: { b: { c: 1, d: 2 } } },
  ],
  ['replaces lists', { a: [1, 2, 3] }, { a: [4] }, { a: [4] }],
  ['replaces an object by a value', { a: { b: 1 } }, { a: 1 }, { a: 1 }],
  ['replaces a value by an object', { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
  ['stores null', { a: { b: 1 } }, { a: null }, { a: null }],
  ['makes a session where there was none', undefined, { a: 1 }, { a: 1 }],
  ['takes nothing away', { a: 1 }, {}, { a: 1 }],
])('a merge %s', (_what, session, partial, expected) => {
  const copies = structuredClone({ session, partial });
  expect(applySessionDelta(session, mergeDelta(partial))).toEqual(expected);
  expect({ session, partial }).toEqual(copies);
});

test('a merge of what is there already changes nothing', () => {
  fc.assert(
    fc.property(sessionOf(keys), (session) => {
      const merged = applySessionDelta(session, mergeDelta(session));
      expect(isDeepStrictEqual(merged, session)).toBe(true);
    }),
  );
});

test('merges of different keys commute', () => {
  fc.assert(
    fc.property(sessionOf(keys), sessionOf(['a', 'b']), sessionOf(['c', 'd']), (base, p, q) => {
      const first = mergeDelta(p);
      const second = mergeDelta(q);
      const oneWay = applySessionDelta(applySessionDelta(base, first), second);
      expect(
        isDeepStrictEqual(oneWay, applySessionDelta(applySessionDelta(base, second), first)),
      ).toBe(true);
    }),
  );
});

test('a key __proto__ is a key like any other and gives no object a prototype', () => {
  const hostile = withProtoKey({ isAdmin: true });
  const nested = { user: hostile };
  for (const result of [
    applySessionDelta({}, replacementDelta(hostile)),
    applySessionDelta({}, mergeDelta(hostile)),
    applySessionDelta(hostile, mergeDelta(hostile)),
    apply({}, diffSession({}, hostile)),
  ]) {
    expect(result).not.toHaveProperty('isAdmin');
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  }
  const merged = applySessionDelta({ user: { name: 'Tom' } }, mergeDelta(nested));
  expect(merged?.['user']).not.toHaveProperty('isAdmin');
  expect({}).not.toHaveProperty('isAdmin');
});

test('a merge does not read what a session inherits', () => {
  const delta = mergeDelta({ constructor: { x: 1 }, toString: { y: 1 } });
  expect(applySessionDelta({}, delta)).toEqual({ constructor: { x: 1 }, toString: { y: 1 } });
  expect(Object).not.toHaveProperty('x');
});

class Point {
  readonly x = 1;
}

test.each<[string, unknown, boolean]>([
  ['a literal', {}, true],
  ['an object without a prototype', Object.create(null), true],
  ['an object with a key __proto__', withProtoKey(1), true],
  ['a list', [], false],
  ['null', null, false],
  ['undefined', undefined, false],
  ['a string', 'x', false],
  ['a function', () => undefined, false],
  ['a date', new Date(0), false],
  ['a map', new Map(), false],
  ['bytes', Buffer.from('x'), false],
  ['an object of a class', new Point(), false],
])('tells whether %s is a plain object', (_what, candidate, expected) => {
  expect(isPlainObject(candidate)).toBe(expected);
});

test.each<[string, unknown, unknown, boolean]>([
  ['numbers', 1, 1, true],
  ['no numbers', Number.NaN, Number.NaN, true],
  ['zeros', 0, -0, true],
  ['a number and a bigint', 1, 1n, false],
  ['bytes of two kinds', Uint8Array.of(1), Buffer.of(1), true],
  ['other bytes', Buffer.of(1), Buffer.of(2), false],
  ['dates', new Date(5), new Date(5), true],
  ['other dates', new Date(5), new Date(6), false],
  ['a date and an object', new Date(5), {}, false],
  ['lists', [1, { a: [2] }], [1, { a: [2] }], true],
  ['lists of other lengths', [1], [1, undefined], false],
  ['a list and an object', [], {}, false],
  ['objects in another order', { a: 1, b: { c: 2 } }, { b: { c: 2 }, a: 1 }, true],
  [
    'objects with and without a prototype',
    { a: 1 },
    Object.assign(Object.create(null), { a: 1 }),
    true,
  ],
  ['other keys', { a: undefined }, { b: undefined }, false],
  ['more keys', { a: 1 }, { a: 1, b: 1 }, false],
  ['null and an object', null, {}, false],
])('compares %s', (_what, a, b, expected) => {
  expect([isDeepEqual(a, b), isDeepEqual(b, a)]).toEqual([expected, expected]);
});
