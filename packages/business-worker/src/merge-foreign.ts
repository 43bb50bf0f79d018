import { isDeepEqual, isPlainObject, ownValue, type SessionData } from '@gatewayworker/protocol';

/**
 * Takes over what somebody else changed of an object that a callback may hold and change. What the
 * callback has changed of it stays, it is the later writer. Plain objects stay the same ones, within it
 * too, because a callback may hold them over an `await`; frozen ones are replaced.
 *
 * @param held - the object that the callback has
 * @param before - what the callback found, or would have
 * @param after - what stands there now
 * @returns the same object, or the one in its place
 */
export function mergeForeign(
  held: SessionData,
  before: Readonly<SessionData>,
  after: Readonly<SessionData>,
): SessionData {
  const result = Object.isExtensible(held) ? held : { ...held };
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    mergeKey(result, key, before, after);
  }
  return result;
}

function mergeKey(
  held: SessionData,
  key: string,
  before: Readonly<SessionData>,
  after: Readonly<SessionData>,
): void {
  const old = Object.hasOwn(before, key) ? before[key] : {};
  const found = ownValue(after, key);
  if (Object.hasOwn(before, key) && Object.hasOwn(after, key) && isDeepEqual(old, found)) return;
  const own = ownValue(held, key);
  const isKept = isChanged(held, before, key);
  if (isPlainObject(own) && isPlainObject(old) && (isKept || isPlainObject(found))) {
    setKey(held, key, mergeForeign(own, old, isPlainObject(found) ? found : {}));
  } else if (!isKept) {
    if (Object.hasOwn(after, key)) setKey(held, key, found);
    else Reflect.deleteProperty(held, key);
  }
}

/** Tells whether the callback has changed a key, or what it holds. */
function isChanged(held: SessionData, before: Readonly<SessionData>, key: string): boolean {
  if (Object.hasOwn(held, key) !== Object.hasOwn(before, key)) return true;
  return !isDeepEqual(ownValue(before, key), ownValue(held, key));
}

/** Sets an own key, `__proto__` like any other. */
function setKey(session: SessionData, key: string, value: unknown): void {
  if (ownValue(session, key) === value && Object.hasOwn(session, key)) return;
  const field = { value, configurable: true, enumerable: true, writable: true };
  Reflect.defineProperty(session, key, field);
}
