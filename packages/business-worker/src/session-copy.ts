import { packSession } from '@gatewayworker/gateway-client';
import {
  applyPackedSessionDelta,
  diffSession,
  isDeepEqual,
  isPlainObject,
  packValue,
  type SessionData,
  type SessionDelta,
  unpackValue,
} from '@gatewayworker/protocol';
import { mergeForeign } from './merge-foreign.ts';
import { OwnChanges } from './own-changes.ts';

/**
 * A worker's copy of a session that the gateway keeps.
 *
 * It knows the state that the gateway has, packed, and the object that callbacks read and change.
 * The object is made when it is first looked at; a session that nobody looks at costs nothing.
 */
export class SessionCopy {
  #packed: Uint8Array | undefined;
  /** Made with the first own change: most clients have none. */
  #ownChanges: OwnChanges | undefined;
  #value: SessionData | undefined;
  /** True once there is an object, or a callback has unset it. */
  #isLoaded = false;
  /** The state that the object was last brought up to. */
  #loaded: Uint8Array | undefined;
  /** True when a callback may have changed the object. */
  #isTouched = false;

  /** @param packed - the state at the gateway as msgpack; `undefined` when it was never set */
  constructor(packed: Uint8Array | undefined) {
    this.#packed = packed;
  }

  /** The object that callbacks read and change. */
  get value(): SessionData | undefined {
    this.#isTouched = true;
    this.#load();
    return this.#value;
  }

  /** @throws {TypeError} when it is neither a plain object nor `undefined` */
  set value(value: SessionData | undefined) {
    if (value !== undefined && !isPlainObject(value)) {
      throw new TypeError('ctx.session is no plain object');
    }
    this.#value = value;
    this.#isLoaded = true;
    this.#loaded = this.#packed;
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
    const delta = diffSession(parseSession(this.#packed), parseSession(packed));
    this.#packed = packed;
    this.#loaded = packed;
    if (delta !== undefined) this.#addOwn(delta);
    return delta;
  }

  /**
   * Takes over what somebody else changed. What a running callback has changed and not yet stored
   * stays: it is the later writer. Objects stay the same ones, because a callback may hold them over an
   * `await`.
   *
   * @param applied - how many of this worker's own changes the gateway applied before it
   */
  applyForeignChange(delta: SessionDelta, applied: number): void {
    const own = this.#ownChanges;
    if (own === undefined || own.confirm(applied)) {
      this.#apply(delta);
      return;
    }
    const before = parseSession(this.#packed);
    const after = own.applyForeign(before, delta, applied);
    if (after !== before) this.#takeOver(after === undefined ? undefined : packValue(after));
  }

  /** Takes over a change that this worker has sent to the gateway beside what callbacks change. */
  applyOwnChange(delta: SessionDelta): void {
    this.#addOwn(delta);
    this.#apply(delta);
  }

  #apply(delta: SessionDelta): void {
    this.#takeOver(applyPackedSessionDelta(this.#packed, delta));
  }

  #addOwn(delta: SessionDelta): void {
    this.#ownChanges ??= new OwnChanges();
    this.#ownChanges.add(delta);
  }

  /** The state at the gateway becomes another. */
  #takeOver(packed: Uint8Array | undefined): void {
    this.#packed = packed;
    // Unpacking a large session is expensive: many changes between two callbacks cost it once.
    if (this.#isTouched) this.#load();
  }

  /** Brings the object up to the state at the gateway. */
  #load(): void {
    const before = this.#loaded;
    this.#loaded = this.#packed;
    if (!this.#isLoaded) {
      this.#value = parseSession(this.#packed);
      this.#isLoaded = true;
      return;
    }
    if (before === this.#packed) return;
    try {
      // Objects of its own: those of the change are still to be sent, whatever callbacks do to theirs.
      this.#value = mergeState(this.#value, parseSession(before), parseSession(this.#packed));
    } catch {
      // Reading it ran code of the application. `takeChange` reports what cannot be read.
    }
  }

  #packChecked(): Buffer | undefined {
    try {
      const value = this.#value;
      return value && packSession('ctx.session', value);
    } catch (error) {
      this.#isLoaded = false;
      throw error;
    }
  }
}

/** What a callback has when the state that it began with becomes another. */
function mergeState(
  held: SessionData | undefined,
  before: SessionData | undefined,
  after: SessionData | undefined,
): SessionData | undefined {
  // It was never set, or the callback has unset it.
  if (held === undefined) return before === undefined ? after : undefined;
  if (after === undefined && before !== undefined && isDeepEqual(before, held)) return undefined;
  return mergeForeign(held, before ?? {}, after ?? {});
}

function parseSession(packed: Uint8Array | undefined): SessionData | undefined {
  const session = packed === undefined ? undefined : unpackValue(packed);
  return isPlainObject(session) ? session : undefined;
}

function isSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
