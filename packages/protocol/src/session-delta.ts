/** Largest session, as msgpack. */
export const MAX_SESSION_BYTES: number = 1024 * 1024;

/** The session of a client: a plain object whose values msgpack can carry. */
export type SessionData = Record<string, unknown>;

/**
 * What changed in a session, key by key, so that two processes that change different keys lose nothing.
 *
 * Applied in this order: `clear` drops every key, `remove` drops those keys, `set` stores those values.
 * `unset` makes the session as if it had never been set.
 */
export interface SessionDelta {
  readonly unset: boolean;
  readonly clear: boolean;
  readonly remove: readonly string[];
  readonly set: Readonly<SessionData>;
}

/** The delta that makes any session into this one. */
export function replaceSession(session: Readonly<SessionData>): SessionDelta {
  return { unset: false, clear: true, remove: [], set: session };
}

/** The delta that makes any session as if it had never been set. */
export function unsetSession(): SessionDelta {
  return { unset: true, clear: true, remove: [], set: {} };
}

/**
 * Finds what changed between two states of a session, or `undefined` when nothing did.
 *
 * @param isEqual - compares two values of a key deeply
 */
export function diffSession(
  before: Readonly<SessionData>,
  after: Readonly<SessionData>,
  isEqual: (a: unknown, b: unknown) => boolean,
): SessionDelta | undefined {
  const remove = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const changed = Object.entries(after).filter(
    ([key, value]) => !(Object.hasOwn(before, key) && isEqual(before[key], value)),
  );
  if (remove.length === 0 && changed.length === 0) return undefined;
  return { unset: false, clear: false, remove, set: Object.fromEntries(changed) };
}

/** Applies a delta to a session and answers the new state; neither argument is changed. */
export function applySessionDelta(
  session: Readonly<SessionData> | undefined,
  delta: SessionDelta,
): SessionData | undefined {
  if (delta.unset) return undefined;
  const result = new Map(delta.clear ? [] : Object.entries(session ?? {}));
  for (const key of delta.remove) result.delete(key);
  for (const [key, value] of Object.entries(delta.set)) result.set(key, value);
  return Object.fromEntries(result);
}

/**
 * Merges a partial session into a session deeply: plain objects are merged key by key, everything
 * else (arrays too) replaces what stood there.
 *
 * @returns the delta of top-level keys that has this effect
 */
export function mergeSession(
  session: Readonly<SessionData> | undefined,
  partial: Readonly<SessionData>,
): SessionDelta {
  const set = Object.entries(partial).map(([key, value]) => [
    key,
    mergeValue(
      session !== undefined && Object.hasOwn(session, key) ? session[key] : undefined,
      value,
    ),
  ]);
  return { unset: false, clear: false, remove: [], set: Object.fromEntries(set) };
}

function mergeValue(before: unknown, partial: unknown): unknown {
  if (!(isPlainObject(before) && isPlainObject(partial))) return partial;
  return applySessionDelta(before, mergeSession(before, partial));
}

/** Tells whether a value is an object made by a literal, by msgpack or by `Object.create(null)`. */
export function isPlainObject(value: unknown): value is SessionData {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
