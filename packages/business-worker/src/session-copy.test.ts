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

test('session: has the state of the gateway', () => {
  expect(copyOf({ a: 1 }).value).toEqual({ a: 1 });
  expect(copyOf(undefined).value).toBeUndefined();
});

test('session: is the same object until it changes', () => {
  const copy = copyOf({ a: {} });
  expect(copy.value).toBe(copy.value);
});

test('session: no delta when it was not read', () => {
  expect(copyOf({ a: 1 }).takeChange()).toBeUndefined();
});

test('session: no delta when it was only read', () => {
  const copy = copyOf({ a: { b: [1] } });
  expect(copy.value).toBeDefined();
  expect(copy.takeChange()).toBeUndefined();
});

test('session: no delta when an equal value was set', () => {
  const copy = copyOf({ a: 1, b: 2 });
  copy.value = { b: 2, a: 1 };
  expect(copy.takeChange()).toBeUndefined();
  const unset = copyOf(undefined);
  unset.value = undefined;
  expect(unset.takeChange()).toBeUndefined();
});

test('session: a change is in one delta only', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['a'] = 2;
  expect(copy.takeChange()).toBeDefined();
  expect(copy.takeChange()).toBeUndefined();
  expect(copy.value).toEqual({ a: 2 });
  expect(copy.takeChange()).toBeUndefined();
});

test('session: the delta has only the keys that were changed in place', () => {
  const copy = copyOf({ kept: 1, changed: { deep: [1] }, removed: 1 });
  const session = objectOf(copy);
  session['changed'] = { deep: [1, 2] };
  session['added'] = true;
  delete session['removed'];
  const merge = { changed: { remove: [], set: { deep: [1, 2] }, merge: {} } };
  expect(copy.takeChange()).toEqual({ ...set({ added: true }, ['removed']), merge });
});

test('session: the delta has changes within a list', () => {
  const copy = copyOf({ list: [{ a: 1 }], other: 1 });
  const list = objectOf(copy)['list'];
  if (Array.isArray(list)) list[0].a = 2;
  expect(copy.takeChange()).toEqual(set({ list: [{ a: 2 }] }));
});

test('session: the delta of a replaced object has only different keys', () => {
  const copy = copyOf({ a: 1, b: 1 });
  copy.value = { b: 1, c: 1 };
  expect(copy.takeChange()).toEqual(set({ c: 1 }, ['a']));
});

test('session: a first session has a delta, also an empty one', () => {
  for (const session of [{ a: 1 }, {}]) {
    const copy = copyOf(undefined);
    copy.value = session;
    const delta = copy.takeChange();
    expect(delta).toBeDefined();
    expect(applySessionDelta(undefined, delta ?? unsetDelta())).toEqual(session);
  }
});

test('session: an unset session has a delta', () => {
  const copy = copyOf({ a: 1 });
  copy.value = undefined;
  expect(copy.takeChange()).toEqual(unsetDelta());
  expect(copy.value).toBeUndefined();
});

test.each(['text', 7, null, [], new Map(), new Date(0)])(
  'session: a TypeError for %s, and the value stays',
  (value) => {
    const copy = copyOf({ a: 1 });
    expect(() => Reflect.set(copy, 'value', value)).toThrow(TypeError);
    expect(copy.value).toEqual({ a: 1 });
    expect(copy.takeChange()).toBeUndefined();
  },
);

test('session: a change that cannot be packed throws and is dropped', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['a'] = Symbol('s');
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 1 });
  objectOf(copy)['a'] = 2;
  expect(copy.takeChange()).toEqual(set({ a: 2 }));
});

test('session: a remote change is visible, read before or not', () => {
  for (const isRead of [false, true]) {
    const copy = copyOf({ a: 1, b: 1, c: 1 });
    if (isRead) expect(copy.value).toBeDefined();
    copy.applyRemoteChange(set({ a: 2, d: 2 }, ['b']), 1);
    expect(copy.value).toEqual({ a: 2, c: 1, d: 2 });
    expect(copy.takeChange()).toBeUndefined();
  }
});

test('session: a remote replace, unset or first set is visible', () => {
  const copy = copyOf({ a: 1 });
  copy.applyRemoteChange(replacementDelta({ b: 1 }), 1);
  expect(copy.value).toEqual({ b: 1 });
  copy.applyRemoteChange(unsetDelta(), 2);
  expect(copy.value).toBeUndefined();
  copy.applyRemoteChange(mergeDelta({ c: 1 }), 3);
  expect(copy.value).toEqual({ c: 1 });
  expect(copy.takeChange()).toBeUndefined();
});

test('session: a remote change keeps the keys changed by a running callback', () => {
  const copy = copyOf({ mine: 1, both: 1, theirs: 1 });
  const session = objectOf(copy);
  session['mine'] = 2;
  session['both'] = 2;
  copy.applyRemoteChange(set({ both: 3, theirs: 3, new: 3 }), 1);
  expect(copy.value).toEqual({ mine: 2, both: 2, theirs: 3, new: 3 });
  expect(copy.takeChange()).toEqual(set({ mine: 2, both: 2 }));
});

test('session: a remote change keeps a removal by a running callback', () => {
  const copy = copyOf({ a: 1, b: 1 });
  delete objectOf(copy)['a'];
  copy.applyRemoteChange(set({ a: 2, b: 2 }), 1);
  expect(copy.value).toEqual({ b: 2 });
  expect(copy.takeChange()).toEqual(set({}, ['a']));
});

test('session: a remote change keeps an unset by a running callback', () => {
  const copy = copyOf({ a: 1 });
  copy.value = undefined;
  copy.applyRemoteChange(set({ b: 2 }), 1);
  expect(copy.value).toBeUndefined();
  expect(copy.takeChange()).toEqual(unsetDelta());
});

test('session: a remote unset keeps the changes of a running callback', () => {
  const copy = copyOf({ a: 1, b: 1 });
  objectOf(copy)['a'] = 2;
  copy.applyRemoteChange(unsetDelta(), 1);
  expect(copy.value).toEqual({ a: 2 });
  expect(copy.takeChange()).toEqual(set({ a: 2 }));
});

test('session: a remote change keeps an instance set by a running callback', () => {
  const copy = copyOf({ user: { name: 'x' } });
  const user = new User();
  objectOf(copy)['user'] = user;
  copy.applyRemoteChange(set({ user: { name: 'y' }, other: 1 }), 1);
  expect(copy.value?.['user']).toBe(user);
  expect(copy.value).toHaveProperty('other', 1);
});

test('session: two first sessions are merged without loss', () => {
  const inTime = copyOf(undefined);
  inTime.value = { mine: 1 };
  inTime.applyRemoteChange(set({ theirs: 2 }), 1);
  expect(inTime.value).toEqual({ mine: 1, theirs: 2 });
  const late = copyOf(undefined);
  late.value = { mine: 1 };
  const own = late.takeChange() ?? unsetDelta();
  expect(applySessionDelta({ theirs: 2 }, own)).toEqual({ mine: 1, theirs: 2 });
});

test('session: an object held across a remote change can still be changed', () => {
  const copy = copyOf({ user: { name: 'Tom' }, count: 1 });
  const session = objectOf(copy);
  const user = Object(session['user']);
  copy.applyRemoteChange(set({ theirs: 1 }, ['gone']), 1);
  expect(session).toEqual({ user: { name: 'Tom' }, count: 1, theirs: 1 });
  session['count'] = 2;
  user.name = 'Tim';
  const merge = { user: { remove: [], set: { name: 'Tim' }, merge: {} } };
  expect(copy.takeChange()).toEqual({ ...set({ count: 2 }), merge });
});

test('session: a remote change replaces a frozen session', () => {
  const copy = copyOf(undefined);
  copy.value = Object.freeze({ a: 1 });
  copy.takeChange();
  copy.applyRemoteChange(set({ a: 2 }), 2);
  expect(copy.value).toEqual({ a: 2 });
});

test('session: a remote change updates held objects at any depth', () => {
  const copy = copyOf({ cart: { a: 1, deep: { x: 1 } }, list: [{ y: 1 }] });
  const session = objectOf(copy);
  const cart = Object(session['cart']);
  const { deep } = cart;
  copy.applyRemoteChange(mergeDelta({ cart: { b: 2, deep: { z: 2 } }, list: [{ y: 2 }] }), 1);
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

test('session: a remote removal of an object keeps own changes within it', () => {
  for (const remote of [set({}, ['cart']), set({ cart: 5 })]) {
    const copy = copyOf({ cart: { a: 1, b: 1 }, kept: 1 });
    const cart = Object(objectOf(copy)['cart']);
    cart.b = 2;
    copy.applyRemoteChange(remote, 1);
    expect(copy.value).toEqual({ cart: { b: 2 }, kept: 1 });
    expect(copy.value?.['cart']).toBe(cart);
  }
});

test('session: a remote change replaces a frozen object', () => {
  const copy = copyOf(undefined);
  copy.value = { cart: Object.freeze({ a: 1 }) };
  copy.takeChange();
  copy.applyRemoteChange(mergeDelta({ cart: { b: 2 } }), 2);
  expect(copy.value).toEqual({ cart: { a: 1, b: 2 } });
});

test('session: a Uint8Array and a Buffer of equal bytes are equal', () => {
  const copy = copyOf(undefined);
  copy.value = { bytes: Uint8Array.of(1) };
  copy.takeChange();
  copy.applyRemoteChange(set({ bytes: Buffer.of(2) }), 2);
  expect(copy.value).toEqual({ bytes: Buffer.of(2) });
});

test('session: a change by the API keeps the changes of a callback', () => {
  const copy = copyOf({ n: 1, mine: 1 });
  objectOf(copy)['mine'] = 2;
  copy.applyOwnChange(mergeDelta({ n: 2 }));
  expect(copy.value).toEqual({ n: 2, mine: 2 });
  // Another process changed the same key before the gateway had applied this change.
  copy.applyRemoteChange(set({ n: 7, other: 7 }), 0);
  expect(copy.value).toEqual({ n: 2, mine: 2, other: 7 });
  expect(copy.takeChange()).toEqual(set({ mine: 2 }));
  copy.applyOwnChange(replacementDelta({ only: 1 }));
  copy.applyRemoteChange(set({ late: 1 }), 2);
  expect(copy.value).toEqual({ only: 1 });
  expect(copy.takeChange()).toBeUndefined();
});

test('session: a remote change does not throw for an unpackable own value', () => {
  const copy = copyOf({ a: 1 });
  objectOf(copy)['bad'] = Symbol('s');
  copy.applyRemoteChange(set({ a: 2 }), 1);
  expect(copy.value).toMatchObject({ a: 2 });
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 2 });
});

test('session: a remote change does not throw for an unreadable own value', () => {
  const copy = copyOf({ a: 1 });
  const failing = { enumerable: true, get: () => expect.unreachable('it cannot be read') };
  Object.defineProperty(objectOf(copy), 'a', failing);
  copy.applyRemoteChange(set({ a: 2 }), 1);
  expect(() => copy.takeChange()).toThrow();
  expect(copy.value).toEqual({ a: 2 });
});

test('session: a remote key __proto__ is an ordinary key', () => {
  const copy = copyOf({ a: 1 });
  const session = objectOf(copy);
  copy.applyRemoteChange(set(Object.fromEntries([['__proto__', { isAdmin: true }]])), 1);
  expect(session).not.toHaveProperty('isAdmin');
  expect(copy.value).not.toHaveProperty('isAdmin');
});

test('session: a stored change wins over an earlier remote change', () => {
  const copy = copyOf({ n: 0, other: 0 });
  objectOf(copy)['n'] = 1;
  copy.takeChange();
  objectOf(copy)['n'] = 2;
  copy.takeChange();
  // The gateway had applied the first of both.
  copy.applyRemoteChange(set({ n: 7, other: 7 }), 1);
  expect(copy.value).toEqual({ n: 2, other: 7 });
  copy.applyRemoteChange(set({ n: 8 }), 2);
  expect(copy.value).toEqual({ n: 8, other: 7 });
});

/** A change by another process, on its way to the worker. */
interface RemoteChange {
  readonly delta: SessionDelta;
  readonly applied: number;
}

/** A gateway and the worker of the client, with the changes on their way between them. */
class Pair {
  readonly copy = copyOf(undefined);
  session: SessionData | undefined;
  #applied = 0;
  readonly #up: SessionDelta[] = [];
  readonly #down: RemoteChange[] = [];

  /** A callback settles: its changes are sent. */
  settle(): void {
    const delta = this.copy.takeChange();
    if (delta !== undefined) this.#up.push(delta);
  }

  /** The worker changes the session by the Gateway API, like `gateway.updateSession`. */
  changeByApi(delta: SessionDelta): void {
    this.copy.applyOwnChange(delta);
    this.#up.push(delta);
  }

  /** Another process changes the session. */
  changeRemotely(delta: SessionDelta): void {
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
    const change = this.#down.shift();
    if (change !== undefined) this.copy.applyRemoteChange(change.delta, change.applied);
  }

  /** All changes arrive. */
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

test('session: random changes in any order end in the state of the gateway', () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), key, value: fc.nat(3) }),
    fc.record({ what: fc.constant('ownRemove' as const), key }),
    fc.constant({ what: 'ownUnset' as const }),
    fc.record({ what: fc.constant('remote' as const), key, value: fc.nat(3) }),
    fc.record({ what: fc.constant('remoteReplace' as const), key, value: fc.nat(3) }),
    fc.constant({ what: 'remoteUnset' as const }),
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
        else if (entry.what === 'remote') pair.changeRemotely(set({ [entry.key]: entry.value }));
        else if (entry.what === 'remoteReplace') {
          pair.changeRemotely(replacementDelta({ [entry.key]: entry.value }));
        } else if (entry.what === 'remoteUnset') pair.changeRemotely(unsetDelta());
        else pair[entry.what]();
      }
      pair.finish();
      expect(copy.value).toEqual(pair.session);
    }),
    { numRuns: 1000 },
  );
});

test('session: a key that only the callback changes never goes back', () => {
  const step = fc.oneof(
    fc.constant({ what: 'count' as const }),
    fc.record({ what: fc.constant('remote' as const), key, value: fc.nat(3) }),
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
        } else if (entry.what === 'remote') {
          pair.changeRemotely(set({ [entry.key]: entry.value }));
        } else pair[entry.what]();
      }
      pair.finish();
      expect(pair.session?.['mine'] ?? 0).toBe(count);
    }),
    { numRuns: 500 },
  );
});

/** The session of a copy; an empty one is created if there is none. */
function ensureSession(copy: SessionCopy): SessionData {
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

/** Sets a value at a path, creating the objects on the way; `undefined` removes the key. */
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

test('session: random deep changes end in the state of the gateway', () => {
  const edits = { place, value: fc.option(held, { nil: undefined }) };
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), ...edits }),
    fc.record({ what: fc.constant('hold' as const), key }),
    fc.record({ what: fc.constant('editHeld' as const), ...edits }),
    fc.record({ what: fc.constant('ownUpdate' as const), place, value: held }),
    fc.record({ what: fc.constant('ownReplace' as const), place, value: held }),
    fc.constant({ what: 'ownUnset' as const }),
    fc.record({ what: fc.constant('remote' as const), place, value: held }),
    fc.record({ what: fc.constant('remoteDelta' as const), ...edits }),
    fc.record({ what: fc.constant('remoteReplace' as const), place, value: held }),
    fc.constant({ what: 'remoteUnset' as const }),
    ...traffic,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      const { copy } = pair;
      let object: SessionData = {};
      for (const entry of steps) {
        if (entry.what === 'own') edit(ensureSession(copy), entry.place, entry.value);
        else if (entry.what === 'hold') {
          const found = copy.value?.[entry.key];
          if (isPlainObject(found)) object = found;
        } else if (entry.what === 'editHeld') {
          // A callback reads its session before it changes an object that it holds.
          if (copy.value !== undefined) edit(object, entry.place, entry.value);
        } else if (entry.what === 'ownUpdate') {
          pair.changeByApi(mergeDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'ownReplace') {
          pair.changeByApi(replacementDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'ownUnset') copy.value = undefined;
        else if (entry.what === 'remote') {
          pair.changeRemotely(mergeDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'remoteDelta') {
          const after = structuredClone(pair.session ?? {});
          edit(after, entry.place, entry.value);
          pair.changeRemotely(diffSession(pair.session, after) ?? emptyDelta());
        } else if (entry.what === 'remoteReplace') {
          pair.changeRemotely(replacementDelta(nested(entry.place, entry.value)));
        } else if (entry.what === 'remoteUnset') pair.changeRemotely(unsetDelta());
        else pair[entry.what]();
      }
      pair.finish();
      expect(copy.value).toEqual(pair.session);
    }),
    { numRuns: 3000 },
  );
});

test('session: a callback does not change a delta that is on its way', () => {
  const delta = replacementDelta({ cart: {} });
  const copy = new SessionCopy(undefined);
  copy.value = undefined;
  copy.applyOwnChange(delta);
  edit(ensureSession(copy), ['cart', 'item'], 1);
  expect(delta.set).toEqual({ cart: {} });
  expect(copy.takeChange()?.merge).toMatchObject({ cart: { set: { item: 1 } } });
});

test('session: no change of either side is lost if the other leaves the key', () => {
  const parent = fc.constantFrom<Place>([], ['x'], ['y'], ['x', 'u'], ['x', 'v']);
  const step = fc.oneof(
    fc.record({ what: fc.constant('own' as const), parent, leaf: fc.constantFrom('m', 'n') }),
    fc.record({ what: fc.constant('hold' as const), key: fc.constantFrom('x', 'y') }),
    fc.record({ what: fc.constant('editHeld' as const), leaf: fc.constantFrom('m', 'n') }),
    fc.record({ what: fc.constant('remote' as const), parent, leaf: fc.constantFrom('s', 't') }),
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
          edit(ensureSession(copy), [...entry.parent, entry.leaf], count);
          edit(expected, [...entry.parent, entry.leaf], count);
        } else if (entry.what === 'hold') {
          const value = copy.value?.[entry.key];
          if (isPlainObject(value)) object = { key: entry.key, value };
        } else if (entry.what === 'editHeld') {
          if (object === undefined) continue;
          expect(copy.value?.[object.key]).toBe(object.value);
          object.value[entry.leaf] = count;
          edit(expected, [object.key, entry.leaf], count);
        } else if (entry.what === 'remote' || entry.what === 'ownUpdate') {
          const delta = mergeDelta(nested([...entry.parent, entry.leaf], count));
          if (entry.what === 'remote') pair.changeRemotely(delta);
          // Changes of a callback that are not stored yet would be later than this change.
          else {
            pair.settle();
            pair.changeByApi(delta);
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
