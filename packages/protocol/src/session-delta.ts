import type { ObjectDelta, SessionDelta } from './messages.ts';

/** The session of a client: a plain object with values that msgpack can represent. */
export type SessionData = Record<string, unknown>;

const noDelta: ObjectDelta = Object.freeze({ remove: [], set: {}, merge: {} });

/** Creates the delta that replaces any session with this one. */
export function replacementDelta(session: Readonly<SessionData>): SessionDelta {
  return { ...noDelta, unset: false, clear: true, set: session };
}

/** Creates the delta that removes a session. */
export function unsetDelta(): SessionDelta {
  return { ...noDelta, unset: true, clear: true };
}

/** Creates the delta that does not change an existing session. */
export function emptyDelta(): SessionDelta {
  return { ...noDelta, unset: false, clear: false };
}

/**
 * Creates the delta that merges a partial session deeply: plain objects key by key; any other value, lists
 * included, replaces the old one.
 */
export function mergeDelta(partial: Readonly<SessionData>): SessionDelta {
  return { ...diffObject({}, partial), unset: false, clear: false };
}

/** Creates the delta between two states of a session; `undefined` when they are equal. */
export function diffSession(
  before: Readonly<SessionData> | undefined,
  after: Readonly<SessionData> | undefined,
): SessionDelta | undefined {
  if (after === undefined) return before === undefined ? undefined : unsetDelta();
  const delta = diffObject(before ?? {}, after);
  // From never set to an empty session is a change.
  if (before !== undefined && isEmpty(delta)) return undefined;
  return { ...delta, unset: false, clear: false };
}

/** Applies a delta to a session and returns the new state, without changing its arguments. */
export function applySessionDelta(
  session: Readonly<SessionData> | undefined,
  delta: SessionDelta,
): SessionData | undefined {
  if (delta.unset) return undefined;
  return applyDelta(delta.clear || session === undefined ? {} : session, delta);
}

/** Tells whether two session values are deeply equal; dates and bytes are compared by content. */
export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && isSameList(a, b);
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime());
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  return isPlainObject(a) && isPlainObject(b) && isSameObject(a, b);
}

/** Tells whether a value is an object created by a literal, by msgpack or by `Object.create(null)`. */
export function isPlainObject(value: unknown): value is SessionData {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns the value of an own key; `undefined` for any other key. */
export function ownValue<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function diffObject(before: Readonly<SessionData>, after: Readonly<SessionData>): ObjectDelta {
  const remove = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const set: [string, unknown][] = [];
  const merge: [string, ObjectDelta][] = [];
  for (const [key, value] of Object.entries(after)) {
    const isNew = !Object.hasOwn(before, key);
    const old = isNew ? {} : before[key];
    if (isPlainObject(value) && isPlainObject(old)) {
      // A new object is merged too, because another process may create one there at the same time.
      const delta = diffObject(old, value);
      if (isNew || !isEmpty(delta)) merge.push([key, delta]);
    } else if (isNew || !isDeepEqual(old, value)) {
      set.push([key, value]);
    }
  }
  return { remove, set: Object.fromEntries(set), merge: Object.fromEntries(merge) };
}

function applyDelta(object: Readonly<SessionData>, delta: ObjectDelta): SessionData {
  const result = new Map(Object.entries(object));
  for (const key of delta.remove) result.delete(key);
  for (const [key, value] of Object.entries(delta.set)) result.set(key, value);
  for (const [key, inner] of Object.entries(delta.merge)) {
    const held = result.get(key);
    result.set(key, applyDelta(isPlainObject(held) ? held : {}, inner));
  }
  return Object.fromEntries(result);
}

function isEmpty({ remove, set, merge }: ObjectDelta): boolean {
  if (remove.length > 0) return false;
  return Object.keys(set).length === 0 && Object.keys(merge).length === 0;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => isDeepEqual(value, b[index]));
}

function isSameObject(a: Readonly<SessionData>, b: Readonly<SessionData>): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isDeepEqual(a[key], b[key]));
}
