import { isDeepEqual, isPlainObject, ownValue, type SessionData } from '@gatewayworker/protocol';

/**
 * Merges a change by another process into an object that a callback may hold and change. Keys that the callback has
 * changed keep its values, because the callback writes later. Plain objects keep their identity at every depth, because
 * a callback may hold them across an `await`; frozen ones are replaced.
 *
 * @param held - the object of the callback
 * @param before - the state before the change and without the changes of the callback
 * @param after - the state after the change
 * @returns the same object, or its replacement
 */
export function mergeRemote(
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
    setKey(held, key, mergeRemote(own, old, isPlainObject(found) ? found : {}));
  } else if (!isKept) {
    if (Object.hasOwn(after, key)) setKey(held, key, found);
    else Reflect.deleteProperty(held, key);
  }
}

/** Returns whether the callback has changed the value of a key, at any depth. */
function isChanged(held: SessionData, before: Readonly<SessionData>, key: string): boolean {
  if (Object.hasOwn(held, key) !== Object.hasOwn(before, key)) return true;
  return !isDeepEqual(ownValue(before, key), ownValue(held, key));
}

/** Sets an own key, including `__proto__`. */
function setKey(session: SessionData, key: string, value: unknown): void {
  if (ownValue(session, key) === value && Object.hasOwn(session, key)) return;
  const field = { value, configurable: true, enumerable: true, writable: true };
  Reflect.defineProperty(session, key, field);
}
