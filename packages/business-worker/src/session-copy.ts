import { isDeepStrictEqual } from 'node:util';
import { repackSession } from '@gatewayworker/client';
import {
  applySessionDelta,
  diffSession,
  isPlainObject,
  packValue,
  type SessionData,
  type SessionDelta,
  unpackValue,
  unsetSession,
} from '@gatewayworker/protocol';
import { OwnChanges } from './own-changes.ts';

/**
 * A worker's copy of a session that the gateway keeps.
 *
 * It knows the state that the gateway has, packed, and the object that callbacks read and change.
 * The object is made when it is first looked at; a session that nobody looks at costs nothing.
 */
export class SessionCopy {
  #packed: Uint8Array | undefined;
  readonly #ownChanges = new OwnChanges();
  #value: SessionData | undefined;
  /** True once the object stands for the packed state. */
  #isLoaded = false;
  /** True when a callback may have changed the object. */
  #isTouched = false;

  /** @param packed - the state at the gateway as msgpack; `undefined` when it was never set */
  constructor(packed: Uint8Array | undefined) {
    this.#packed = packed;
  }

  /** The object that callbacks read and change. */
  get value(): SessionData | undefined {
    this.#isTouched = true;
    if (!this.#isLoaded) {
      this.#value = parseSession(this.#packed);
      this.#isLoaded = true;
    }
    return this.#value;
  }

  /** @throws {TypeError} when it is neither a plain object nor `undefined` */
  set value(value: SessionData | undefined) {
    if (value !== undefined && !isPlainObject(value)) {
      throw new TypeError('ctx.session is no plain object');
    }
    this.#value = value;
    this.#isLoaded = true;
    this.#isTouched = true;
  }

  /**
   * Finds what callbacks have changed since the last call, and counts it as known to the gateway.
   *
   * @returns `undefined` when nothing changed
   * @throws {Error} when the session cannot be packed; the change is then dropped
   */
  takeChange(): SessionDelta | undefined {
    if (!this.#isTouched) return undefined;
    this.#isTouched = false;
    const packed = this.#packChecked();
    if (isSameBytes(packed, this.#packed)) return undefined;
    const delta = makeDelta(parseSession(this.#packed), parseSession(packed));
    this.#packed = packed;
    if (delta !== undefined) this.#ownChanges.add(delta);
    return delta;
  }

  /**
   * Takes over what somebody else changed. Keys that a running callback has changed and not yet
   * stored keep its value: it is the later writer. The object stays the same one where it can, because
   * a callback may hold it over an `await`.
   *
   * @param applied - how many of this worker's own changes the gateway applied before it
   */
  applyForeignChange(foreignDelta: SessionDelta, applied: number): void {
    const before = parseSession(this.#packed);
    const delta = this.#ownChanges.yieldTo(foreignDelta, applied, before);
    if (delta === undefined) return;
    const after = applySessionDelta(before, delta);
    this.#packed = after === undefined ? undefined : packValue(after);
    if (!this.#isLoaded) return;
    const held = this.#value;
    const own = makeDelta(before, asPacked(held));
    const merged = own === undefined ? after : applySessionDelta(after, own);
    if (held === undefined || merged === undefined || !Object.isExtensible(held)) {
      this.#value = merged;
      return;
    }
    const foreign = diffSession(before ?? {}, after ?? {}, isDeepStrictEqual);
    for (const key of foreign?.remove ?? []) if (!isChanged(own, key)) delete held[key];
    for (const [key, value] of Object.entries(foreign?.set ?? {})) {
      if (!isChanged(own, key)) setKey(held, key, value);
    }
  }

  #packChecked(): Buffer | undefined {
    try {
      const value = this.#value;
      return value && repackSession('ctx.session', value, this.#packed);
    } catch (error) {
      this.#isLoaded = false;
      throw error;
    }
  }
}

function parseSession(packed: Uint8Array | undefined): SessionData | undefined {
  const session = packed === undefined ? undefined : unpackValue(packed);
  return isPlainObject(session) ? session : undefined;
}

function makeDelta(
  before: SessionData | undefined,
  after: SessionData | undefined,
): SessionDelta | undefined {
  if (after === undefined) return before === undefined ? undefined : unsetSession();
  // Not a replacement: somebody else may set other keys of a session that nobody had set.
  if (before === undefined) return { unset: false, clear: false, remove: [], set: after };
  return diffSession(before, after, isDeepStrictEqual);
}

/** The session as the gateway would have it: objects of classes as plain ones. */
function asPacked(value: SessionData | undefined): SessionData | undefined {
  try {
    return value === undefined ? undefined : parseSession(packValue(value));
  } catch {
    // `takeChange` reports what cannot be packed.
    return value;
  }
}

function isChanged(delta: SessionDelta | undefined, key: string): boolean {
  return delta !== undefined && (delta.remove.includes(key) || Object.hasOwn(delta.set, key));
}

/** Sets an own key, `__proto__` like any other. */
function setKey(session: SessionData, key: string, value: unknown): void {
  const field = { value, configurable: true, enumerable: true, writable: true };
  Object.defineProperty(session, key, field);
}

function isSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
