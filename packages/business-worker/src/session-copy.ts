import { isDeepStrictEqual } from 'node:util';
import {
  applySessionDelta,
  diffSession,
  isPlainObject,
  packValue,
  replaceSession,
  type SessionData,
  type SessionDelta,
  unpackValue,
  unsetSession,
} from '@gatewayworker/protocol';

/**
 * A worker's copy of a session that the gateway keeps.
 *
 * It knows the state that the gateway has, packed, and the object that callbacks read and change.
 * The object is made when it is first looked at; a session that nobody looks at costs nothing.
 */
export class SessionCopy {
  #packed: Uint8Array | undefined;
  #version: number;
  #value: SessionData | undefined;
  /** True once the object stands for the packed state. */
  #isLoaded = false;
  /** True when a callback may have changed the object. */
  #isTouched = false;

  /** @param packed - the state at the gateway as msgpack; `undefined` when it was never set */
  constructor(packed: Uint8Array | undefined, version: number) {
    this.#packed = packed;
    this.#version = version;
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
   * @returns the delta and the version it was made from; `undefined` when nothing changed
   * @throws {Error} when the session cannot be packed; the change is then dropped
   */
  takeChange(): { readonly delta: SessionDelta; readonly baseVersion: number } | undefined {
    if (!this.#isTouched) return undefined;
    this.#isTouched = false;
    const packed = this.#packChecked();
    if (isSameBytes(packed, this.#packed)) return undefined;
    const delta = makeDelta(parseSession(this.#packed), parseSession(packed));
    this.#packed = packed;
    if (delta === undefined) return undefined;
    const baseVersion = this.#version;
    this.#version += 1;
    return { delta, baseVersion };
  }

  /**
   * Takes over what somebody else changed. Keys that a running callback has changed and not yet
   * stored keep its value: it is the later writer.
   */
  applyForeignChange(delta: SessionDelta, version: number): void {
    this.#version = version;
    const before = parseSession(this.#packed);
    const after = applySessionDelta(before, delta);
    this.#packed = after === undefined ? undefined : packValue(after);
    if (!this.#isLoaded) return;
    const own = makeDelta(before, this.#value);
    this.#isLoaded = own !== undefined;
    if (own !== undefined) this.#value = applySessionDelta(after, own);
  }

  #packChecked(): Buffer | undefined {
    try {
      return this.#value === undefined ? undefined : packValue(this.#value);
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
  if (before === undefined) return replaceSession(after);
  return diffSession(before, after, isDeepStrictEqual);
}

function isSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
