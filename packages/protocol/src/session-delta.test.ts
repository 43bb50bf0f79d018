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

/** Plain objects with these values; `fromEntries` makes even `__proto__` an own key. */
function objectOf<T>(
  names: readonly string[],
  held: fc.Arbitrary<T>,
): fc.Arbitrary<Record<string, T>> {
  return fc
    .array(fc.tuple(fc.constantFrom(...names), held), { maxLength: 5 })
    .map(Object.fromEntries);
}

// Few keys, so that two sessions often share some; every object inherits the last three.
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

/** An object with an own key `__proto__`, as JSON and msgpack may contain it. */
function withProtoKey(held: unknown): SessionData {
  return Object.fromEntries([['__proto__', held]]);
}

test('diffSession: applied to the first state, gives the second', () => {
  fc.assert(
    fc.property(sessionOf(keys), sessionOf(keys), (before, after) => {
      expect(isDeepStrictEqual(apply(before, diffSession(before, after)), after)).toBe(true);
    }),
  );
});

test('diffSession: equal states give undefined', () => {
  fc.assert(
    fc.property(sessionOf(keys), (session) => {
      expect(diffSession(session, structuredClone(session))).toBeUndefined();
    }),
  );
});

test('diffSession: contains only changed keys', () => {
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

test('diffSession: contains changed keys at any depth, lists as a whole', () => {
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

test('diffSession: a new object is a merge, even an empty one', () => {
  const merge = { cart: { remove: [], set: { b: 1 }, merge: {} } };
  expect(diffSession({}, { cart: { b: 1 } })).toMatchObject({ set: {}, merge });
  const delta = diffSession({}, { cart: {} });
  expect(apply({}, delta)).toEqual({ cart: {} });
  expect(apply({ cart: { c: 1 } }, delta)).toEqual({ cart: { c: 1 } });
});

test('diffSession: never set and empty differ', () => {
  expect(diffSession(undefined, undefined)).toBeUndefined();
  expect(apply(undefined, diffSession(undefined, {}))).toEqual({});
  expect(diffSession({}, undefined)).toEqual(unsetDelta());
});

test('applySessionDelta: merge creates a missing object', () => {
  const delta = diffSession({ cart: { a: 1, b: 1 } }, { cart: { a: 1, b: 2 } });
  for (const before of [{}, { cart: 5 }, { cart: [1] }, { cart: null }]) {
    expect(apply(before, delta)).toEqual({ cart: { b: 2 } });
  }
});

test('diffSession: a key with undefined differs from a missing key', () => {
  expect(diffSession({}, { a: undefined })?.set).toHaveProperty('a');
  expect(diffSession({ a: undefined }, {})?.remove).toEqual(['a']);
});

test('diffSession: deltas of different keys commute', () => {
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

test('applySessionDelta: changes neither of its arguments', () => {
  fc.assert(
    fc.property(sessionOf(keys), sessionOf(keys), (before, after) => {
      const delta = diffSession(before, after);
      const copies = structuredClone({ before, delta });
      apply(before, delta);
      expect(isDeepStrictEqual({ before, delta }, copies)).toBe(true);
    }),
  );
});

test('replacementDelta: gives its session, from any state', () => {
  const delta = replacementDelta({ a: 1 });
  expect(applySessionDelta({ b: 2 }, delta)).toEqual({ a: 1 });
  expect(applySessionDelta(undefined, delta)).toEqual({ a: 1 });
});

test('unsetDelta: gives undefined', () => {
  expect(applySessionDelta({ a: 1 }, unsetDelta())).toBeUndefined();
});

test('applySessionDelta: creates a session that was never set', () => {
  const delta = { ...emptyDelta(), remove: ['x'] };
  expect(applySessionDelta(undefined, delta)).toEqual({});
});

test('applySessionDelta: clears, then removes, then sets', () => {
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
  ['creates a session', undefined, { a: 1 }, { a: 1 }],
  ['removes nothing', { a: 1 }, {}, { a: 1 }],
])('mergeDelta: %s', (_what, session, partial, expected) => {
  const copies = structuredClone({ session, partial });
  expect(applySessionDelta(session, mergeDelta(partial))).toEqual(expected);
  expect({ session, partial }).toEqual(copies);
});

test('mergeDelta: merging the same session changes nothing', () => {
  fc.assert(
    fc.property(sessionOf(keys), (session) => {
      const merged = applySessionDelta(session, mergeDelta(session));
      expect(isDeepStrictEqual(merged, session)).toBe(true);
    }),
  );
});

test('mergeDelta: merges of different keys commute', () => {
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

test('session deltas: a key __proto__ sets no prototype', () => {
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

test('mergeDelta: ignores inherited properties of a session', () => {
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
])('isPlainObject: %s', (_what, candidate, expected) => {
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
])('isDeepEqual: %s', (_what, a, b, expected) => {
  expect([isDeepEqual(a, b), isDeepEqual(b, a)]).toEqual([expected, expected]);
});
