import {
  applySessionDelta,
  diffSession,
  emptyDelta,
  isPlainObject,
  mergeDelta,
  packValue,
  replacementDelta,
  type SessionData,
  type SessionDelta,
  unsetDelta,
} from '@gatewayworker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SessionCopy } from './session-copy.ts';

function copyOf(session: SessionData | undefined): SessionCopy {
  return new SessionCopy(session === undefined ? undefined : packValue(session));
}

/** The session of a copy, for a callback to change in place. */
function objectOf(copy: SessionCopy): SessionData {
  const { value } = copy;
  if (value === undefined) throw new Error('there is no session');
  return value;
}

function set(values: SessionData, remove: readonly string[] = []): SessionDelta {
  return { ...emptyDelta(), remove, set: values };
}

class User {
  name = 'Tom';
}

test('reads the state of the gateway', () => {
  expect(copyOf({ a: 1 }).value).toEqual({ a: 1 });
  expect(copyOf(undefined).value).toBeUndefined();
});

test('gives the same object until it changes', () => {
  const copy = copyOf({ a: {} });
  expect(copy.value).toBe(copy.value);
});

test('costs no delta when nobody looked at it', () => {
  expect(copyOf({ a: 1 }).takeChange()).toBeUndefined();
});

test('costs no delta when it was only read', () => {
  const copy = copyOf({ a: { b: [1] } });
  expect(copy.value).toBeDefined();
  expect(copy.takeChange()).toBeUndefined();
});

test('costs no delta when what was set is what was there', () => {
  const copy = copyOf({ a: 1, b: 2 });
  copy.value = { b: 2, a: 1 };
  expect(copy.takeChange()).toBeUndefined();
  const unset = copyOf(undefined);
  unset.value = undefined;
  expect(unset.takeChange()).toBeUndefined();
});

test('tells each change once', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['a'] = 2;
  expect(copy.takeChange()).toBeDefined();
  expect(copy.takeChange()).toBeUndefined();
  expect(copy.value).toEqual({ a: 2 });
  expect(copy.takeChange()).toBeUndefined();
});

test('tells the keys that a callback changed in place, and no others', () => {
  const copy = copyOf({ kept: 1, changed: { deep: [1] }, removed: 1 });
  const session = objectOf(copy);
  session['changed'] = { deep: [1, 2] };
  session['added'] = true;
  delete session['removed'];
  const merge = { changed: { remove: [], set: { deep: [1, 2] }, merge: {} } };
  expect(copy.takeChange()).toEqual({ ...set({ added: true }, ['removed']), merge });
});

test('tells what changed deep within', () => {
  const copy = copyOf({ list: [{ a: 1 }], other: 1 });
  const list = objectOf(copy)['list'];
  if (Array.isArray(list)) list[0].a = 2;
  expect(copy.takeChange()).toEqual(set({ list: [{ a: 2 }] }));
});

test('tells the keys that differ when a callback replaced the object', () => {
  const copy = copyOf({ a: 1, b: 1 });
  copy.value = { b: 1, c: 1 };
  expect(copy.takeChange()).toEqual(set({ c: 1 }, ['a']));
});

test('tells of a session that was set for the first time, empty ones too', () => {
  for (const session of [{ a: 1 }, {}]) {
    const copy = copyOf(undefined);
    copy.value = session;
    const delta = copy.takeChange();
    expect(delta).toBeDefined();
    expect(applySessionDelta(undefined, delta ?? unsetDelta())).toEqual(session);
  }
});

test('tells that a session is unset', () => {
  const copy = copyOf({ a: 1 });
  copy.value = undefined;
  expect(copy.takeChange()).toEqual(unsetDelta());
  expect(copy.value).toBeUndefined();
});

test.each(['text', 7, null, [], new Map(), new Date(0)])(
  'throws a TypeError when it is set to %s, and keeps what it had',
  (value) => {
    const copy = copyOf({ a: 1 });
    expect(() => Reflect.set(copy, 'value', value)).toThrow(TypeError);
    expect(copy.value).toEqual({ a: 1 });
    expect(copy.takeChange()).toBeUndefined();
  },
);

test('drops a change that cannot be packed, and says so', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['a'] = Symbol('s');
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 1 });
  objectOf(copy)['a'] = 2;
  expect(copy.takeChange()).toEqual(set({ a: 2 }));
});

test('shows what somebody else changed, whether it was looked at before or not', () => {
  for (const isRead of [false, true]) {
    const copy = copyOf({ a: 1, b: 1, c: 1 });
    if (isRead) expect(copy.value).toBeDefined();
    copy.applyForeignChange(set({ a: 2, d: 2 }, ['b']), 1);
    expect(copy.value).toEqual({ a: 2, c: 1, d: 2 });
    expect(copy.takeChange()).toBeUndefined();
  }
});

test('shows that somebody else replaced, unset or first set the session', () => {
  const copy = copyOf({ a: 1 });
  copy.applyForeignChange(replacementDelta({ b: 1 }), 1);
  expect(copy.value).toEqual({ b: 1 });
  copy.applyForeignChange(unsetDelta(), 2);
  expect(copy.value).toBeUndefined();
  copy.applyForeignChange(mergeDelta({ c: 1 }), 3);
  expect(copy.value).toEqual({ c: 1 });
  expect(copy.takeChange()).toBeUndefined();
});

test('keeps what a running callback has changed, and takes over the other keys', () => {
  const copy = copyOf({ mine: 1, both: 1, theirs: 1 });
  const session = objectOf(copy);
  session['mine'] = 2;
  session['both'] = 2;
  copy.applyForeignChange(set({ both: 3, theirs: 3, new: 3 }), 1);
  expect(copy.value).toEqual({ mine: 2, both: 2, theirs: 3, new: 3 });
  expect(copy.takeChange()).toEqual(set({ mine: 2, both: 2 }));
});

test('keeps a removal of a running callback', () => {
  const copy = copyOf({ a: 1, b: 1 });
  delete objectOf(copy)['a'];
  copy.applyForeignChange(set({ a: 2, b: 2 }), 1);
  expect(copy.value).toEqual({ b: 2 });
  expect(copy.takeChange()).toEqual(set({}, ['a']));
});

test('keeps that a running callback unset the session', () => {
  const copy = copyOf({ a: 1 });
  copy.value = undefined;
  copy.applyForeignChange(set({ b: 2 }), 1);
  expect(copy.value).toBeUndefined();
  expect(copy.takeChange()).toEqual(unsetDelta());
});

test('keeps only what a running callback has changed when somebody else unset the session', () => {
  const copy = copyOf({ a: 1, b: 1 });
  objectOf(copy)['a'] = 2;
  copy.applyForeignChange(unsetDelta(), 1);
  expect(copy.value).toEqual({ a: 2 });
  expect(copy.takeChange()).toEqual(set({ a: 2 }));
});

test('leaves alone an object of a class that a running callback has just set', () => {
  const copy = copyOf({ user: { name: 'x' } });
  const user = new User();
  objectOf(copy)['user'] = user;
  copy.applyForeignChange(set({ user: { name: 'y' }, other: 1 }), 1);
  expect(copy.value?.['user']).toBe(user);
  expect(copy.value).toHaveProperty('other', 1);
});

test('loses no key when a callback and somebody else both set the first session', () => {
  const inTime = copyOf(undefined);
  inTime.value = { mine: 1 };
  inTime.applyForeignChange(set({ theirs: 2 }), 1);
  expect(inTime.value).toEqual({ mine: 1, theirs: 2 });
  const late = copyOf(undefined);
  late.value = { mine: 1 };
  const own = late.takeChange() ?? unsetDelta();
  expect(applySessionDelta({ theirs: 2 }, own)).toEqual({ mine: 1, theirs: 2 });
});

test('stores what a callback changes in an object that it took before somebody else changed it', () => {
  const copy = copyOf({ user: { name: 'Tom' }, count: 1 });
  const session = objectOf(copy);
  const user = Object(session['user']);
  copy.applyForeignChange(set({ theirs: 1 }, ['gone']), 1);
  expect(session).toEqual({ user: { name: 'Tom' }, count: 1, theirs: 1 });
  session['count'] = 2;
  user.name = 'Tim';
  const merge = { user: { remove: [], set: { name: 'Tim' }, merge: {} } };
  expect(copy.takeChange()).toEqual({ ...set({ count: 2 }), merge });
});

test('takes over what somebody else changed though the session was frozen', () => {
  const copy = copyOf(undefined);
  copy.value = Object.freeze({ a: 1 });
  copy.takeChange();
  copy.applyForeignChange(set({ a: 2 }), 2);
  expect(copy.value).toEqual({ a: 2 });
});

test('changes the objects that a callback holds, at any depth', () => {
  const copy = copyOf({ cart: { a: 1, deep: { x: 1 } }, list: [{ y: 1 }] });
  const session = objectOf(copy);
  const cart = Object(session['cart']);
  const { deep } = cart;
  copy.applyForeignChange(mergeDelta({ cart: { b: 2, deep: { z: 2 } }, list: [{ y: 2 }] }), 1);
  expect(copy.value).toBe(session);
  expect(session['cart']).toBe(cart);
  expect(cart.deep).toBe(deep);
  expect(session).toEqual({ cart: { a: 1, b: 2, deep: { x: 1, z: 2 } }, list: [{ y: 2 }] });
  cart.b = 3;
  deep.x = 3;
  const change = copy.takeChange() ?? unsetDelta();
  expect(change).toEqual(
    diffSession({ cart: { b: 2, deep: { x: 1 } } }, { cart: { b: 3, deep: { x: 3 } } }),
  );
});

test('keeps what a running callback has changed within an object that somebody else takes away', () => {
  for (const foreign of [set({}, ['cart']), set({ cart: 5 })]) {
    const copy = copyOf({ cart: { a: 1, b: 1 }, kept: 1 });
    const cart = Object(objectOf(copy)['cart']);
    cart.b = 2;
    copy.applyForeignChange(foreign, 1);
    expect(copy.value).toEqual({ cart: { b: 2 }, kept: 1 });
    expect(copy.value?.['cart']).toBe(cart);
  }
});

test('puts an object in the place of a frozen one', () => {
  const copy = copyOf(undefined);
  copy.value = { cart: Object.freeze({ a: 1 }) };
  copy.takeChange();
  copy.applyForeignChange(mergeDelta({ cart: { b: 2 } }), 2);
  expect(copy.value).toEqual({ cart: { a: 1, b: 2 } });
});

test('takes what came back as other bytes for what it was', () => {
  const copy = copyOf(undefined);
  copy.value = { bytes: Uint8Array.of(1) };
  copy.takeChange();
  copy.applyForeignChange(set({ bytes: Buffer.of(2) }), 2);
  expect(copy.value).toEqual({ bytes: Buffer.of(2) });
});

test('shows a change that its worker makes by itself, beside what the callback has changed', () => {
  const copy = copyOf({ n: 1, mine: 1 });
  objectOf(copy)['mine'] = 2;
  copy.applyOwnChange(mergeDelta({ n: 2 }));
  expect(copy.value).toEqual({ n: 2, mine: 2 });
  // The gateway had applied nothing of it when somebody else changed the same.
  copy.applyForeignChange(set({ n: 7, other: 7 }), 0);
  expect(copy.value).toEqual({ n: 2, mine: 2, other: 7 });
  expect(copy.takeChange()).toEqual(set({ mine: 2 }));
  copy.applyOwnChange(replacementDelta({ only: 1 }));
  copy.applyForeignChange(set({ late: 1 }), 2);
  expect(copy.value).toEqual({ only: 1 });
  expect(copy.takeChange()).toBeUndefined();
});

test('throws nothing at a foreign change while what a callback set cannot be packed', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['bad'] = Symbol('s');
  copy.applyForeignChange(set({ a: 2 }), 1);
  expect(copy.value).toMatchObject({ a: 2 });
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 2 });
});

test('throws nothing at a foreign change while what a callback set cannot be read', () => {
  const copy = copyOf({ a: 1 });
  const failing = { enumerable: true, get: () => expect.unreachable('it cannot be read') };
  Object.defineProperty(objectOf(copy), 'a', failing);
  copy.applyForeignChange(set({ a: 2 }), 1);
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 2 });
});

test('takes a key __proto__ of somebody else for a key', () => {
  const copy = copyOf({ a: 1 });
  const session = objectOf(copy);
  copy.applyForeignChange(set(Object.fromEntries([['__proto__', { isAdmin: true }]])), 1);
  expect(session).not.toHaveProperty('isAdmin');
  expect(copy.value).not.toHaveProperty('isAdmin');
});

test('keeps what it has stored when somebody else changed the same key before', () => {
  const copy = copyOf({ n: 0, other: 0 });
  objectOf(copy)['n'] = 1;
  copy.takeChange();
  objectOf(copy)['n'] = 2;
  copy.takeChange();
  // The gateway had applied the first of both.
  copy.applyForeignChange(set({ n: 7, other: 7 }), 1);
  expect(copy.value).toEqual({ n: 2, other: 7 });
  copy.applyForeignChange(set({ n: 8 }), 2);
  expect(copy.value).toEqual({ n: 8, other: 7 });
});

/** A change of somebody else, on its way to the worker. */
interface Told {
  readonly delta: SessionDelta;
  readonly applied: number;
}

/** A gateway and a worker that has the client, and what is on its way between them. */
class Pair {
  readonly copy = copyOf(undefined);
  session: SessionData | undefined;
  #applied = 0;
  readonly #up: SessionDelta[] = [];
  readonly #down: Told[] = [];

  /** A callback settles. */
  settle(): void {
    const delta = this.copy.takeChange();
    if (delta !== undefined) this.#up.push(delta);
  }

  /** The worker changes the session by itself, as `gateway.updateSession` does. */
  changeBySelf(delta: SessionDelta): void {
    this.copy.applyOwnChange(delta);
    this.#up.push(delta);
  }

  /** Somebody else changes the session. */
  changeForeign(delta: SessionDelta): void {
    this.session = applySessionDelta(this.session, delta);
    this.#down.push({ delta, applied: this.#applied });
  }

  gatewayReads(): void {
    const delta = this.#up.shift();
    if (delta === undefined) return;
    this.session = applySessionDelta(this.session, delta);
    this.#applied += 1;
  }

  workerReads(): void {
    const told = this.#down.shift();
    if (told !== undefined) this.copy.applyForeignChange(told.delta, told.applied);
  }

  /** Everything arrives. */
  finish(): void {
    this.settle();
    while (this.#up.length > 0 || this.#down.length > 0) {
      this.gatewayReads();
      this.workerReads();
    }
  }
}

const key = fc.constantFrom('a', 'b', 'c');
const traffic = [
  fc.constant({ what: 'settle' as const }),
  fc.constant({ what: 'gatewayReads' as const }),
  fc.constant({ what: 'workerReads' as const }),
];

test('ends with the session of the gateway, whatever both sides change and whenever it arrives', () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), key, value: fc.nat(3) }),
    fc.record({ what: fc.constant('ownRemove' as const), key }),
    fc.constant({ what: 'ownUnset' as const }),
    fc.record({ what: fc.constant('foreign' as const), key, value: fc.nat(3) }),
    fc.record({ what: fc.constant('foreignReplace' as const), key, value: fc.nat(3) }),
    fc.constant({ what: 'foreignUnset' as const }),
    ...traffic,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      const { copy } = pair;
      for (const entry of steps) {
        if (entry.what === 'own') copy.value = { ...copy.value, [entry.key]: entry.value };
        else if (entry.what === 'ownRemove') delete copy.value?.[entry.key];
        else if (entry.what === 'ownUnset') copy.value = undefined;
        else if (entry.what === 'foreign') pair.changeForeign(set({ [entry.key]: entry.value }));
        else if (entry.what === 'foreignReplace') {
          pair.changeForeign(replacementDelta({ [entry.key]: entry.value }));
        } else if (entry.what === 'foreignUnset') pair.changeForeign(unsetDelta());
        else pair[entry.what]();
      }
      pair.finish();
      expect(copy.value).toEqual(pair.session);
    }),
    { numRuns: 1000 },
  );
});

test('never shows an older value of a key that nobody else changes', () => {
  const step = fc.oneof(
    fc.constant({ what: 'count' as const }),
    fc.record({ what: fc.constant('foreign' as const), key, value: fc.nat(3) }),
    ...traffic,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      let count = 0;
      for (const entry of steps) {
        if (entry.what === 'count') {
          const mine = Number(pair.copy.value?.['mine'] ?? 0);
          expect(mine).toBe(count);
          count = mine + 1;
          pair.copy.value = { ...pair.copy.value, mine: count };
        } else if (entry.what === 'foreign') {
          pair.changeForeign(set({ [entry.key]: entry.value }));
        } else pair[entry.what]();
      }
      pair.finish();
      expect(pair.session?.['mine'] ?? 0).toBe(count);
    }),
    { numRuns: 500 },
  );
});

/** The session of a copy, an empty one if there was none. */
function madeIn(copy: SessionCopy): SessionData {
  copy.value ??= {};
  return objectOf(copy);
}

type Place = readonly string[];

const place = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 });
const held = fc.oneof(
  fc.nat(3),
  fc.constantFrom({}, [1], [2], null),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(2)),
);

/** Sets a value deep in an object, making the objects on the way; `undefined` takes the key away. */
function edit(object: SessionData, [key = '', ...rest]: Place, value: unknown): void {
  if (rest.length > 0) {
    if (!isPlainObject(object[key])) object[key] = {};
    const inner = object[key];
    if (isPlainObject(inner)) edit(inner, rest, value);
  } else if (value === undefined) delete object[key];
  else object[key] = structuredClone(value);
}

function nested(path: Place, value: unknown): SessionData {
  const object = {};
  edit(object, path, value);
  return object;
}

test('ends with the session of the gateway, whatever both sides change at any depth', () => {
  const edits = { place, value: fc.option(held, { nil: undefined }) };
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), ...edits }),
    fc.record({ what: fc.constant('hold' as const), key }),
    fc.record({ what: fc.constant('editHeld' as const), ...edits }),
    fc.record({ what: fc.constant('ownUpdate' as const), place, value: held }),
    fc.record({ what: fc.constant('ownReplace' as const), place, value: held }),
    fc.constant({ what: 'ownUnset' as const }),
    fc.record({ what: fc.constant('foreign' as const), place, value: held }),
    fc.record({ what: fc.constant('foreignDelta' as const), ...edits }),
    fc.record({ what: fc.constant('foreignReplace' as const), place, value: held }),
    fc.constant({ what: 'foreignUnset' as const }),
    ...traffic,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      const { copy } = pair;
      let object: SessionData = {};
      for (const entry of steps) {
        if (entry.what === 'own') edit(madeIn(copy), entry.place, entry.value);
        else if (entry.what === 'hold') {
          const found = copy.value?.[entry.key];
          if (isPlainObject(found)) object = found;
        } else if (entry.what === 'editHeld') {
          // A callback looks at its session before it changes what it holds of it.
          if (copy.value !== undefined) edit(object, entry.place, entry.value);
        } else if (entry.what === 'ownUpdate') {
          pair.changeBySelf(mergeDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'ownReplace') {
          pair.changeBySelf(replacementDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'ownUnset') copy.value = undefined;
        else if (entry.what === 'foreign') {
          pair.changeForeign(mergeDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'foreignDelta') {
          const after = structuredClone(pair.session ?? {});
          edit(after, entry.place, entry.value);
          pair.changeForeign(diffSession(pair.session, after) ?? emptyDelta());
        } else if (entry.what === 'foreignReplace') {
          pair.changeForeign(replacementDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'foreignUnset') pair.changeForeign(unsetDelta());
        else pair[entry.what]();
      }
      pair.finish();
      expect(copy.value).toEqual(pair.session);
    }),
    { numRuns: 3000 },
  );
});

test('what a callback does to its session changes nothing of a change that is on its way', () => {
  const delta = replacementDelta({ cart: {} });
  const copy = new SessionCopy(undefined);
  copy.value = undefined;
  copy.applyOwnChange(delta);
  edit(madeIn(copy), ['cart', 'item'], 1);
  expect(delta.set).toEqual({ cart: {} });
  expect(copy.takeChange()?.merge).toMatchObject({ cart: { set: { item: 1 } } });
});

test('loses no change of either side to a key that the other side leaves alone', () => {
  const parent = fc.constantFrom<Place>([], ['x'], ['y'], ['x', 'u'], ['x', 'v']);
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), parent, leaf: fc.constantFrom('m', 'n') }),
    fc.record({ what: fc.constant('hold' as const), key: fc.constantFrom('x', 'y') }),
    fc.record({ what: fc.constant('editHeld' as const), leaf: fc.constantFrom('m', 'n') }),
    fc.record({ what: fc.constant('foreign' as const), parent, leaf: fc.constantFrom('s', 't') }),
    fc.record({ what: fc.constant('ownUpdate' as const), parent, leaf: fc.constantFrom('m', 'n') }),
    ...traffic,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      const { copy } = pair;
      const expected = {};
      let count = 0;
      let object: { readonly key: string; readonly value: SessionData } | undefined;
      for (const entry of steps) {
        count += 1;
        if (entry.what === 'own') {
          edit(madeIn(copy), [...entry.parent, entry.leaf], count);
          edit(expected, [...entry.parent, entry.leaf], count);
        } else if (entry.what === 'hold') {
          const value = copy.value?.[entry.key];
          if (isPlainObject(value)) object = { key: entry.key, value };
        } else if (entry.what === 'editHeld') {
          if (object === undefined) continue;
          expect(copy.value?.[object.key]).toBe(object.value);
          object.value[entry.leaf] = count;
          edit(expected, [object.key, entry.leaf], count);
        } else if (entry.what === 'foreign' || entry.what === 'ownUpdate') {
          const delta = mergeDelta(nested([...entry.parent, entry.leaf], count));
          if (entry.what === 'foreign') pair.changeForeign(delta);
          // What a callback has changed and not stored yet is changed after this.
          else {
            pair.settle();
            pair.changeBySelf(delta);
          }
          edit(expected, [...entry.parent, entry.leaf], count);
        } else pair[entry.what]();
      }
      pair.finish();
      expect(pair.session ?? {}).toEqual(expected);
      expect(copy.value ?? {}).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});
