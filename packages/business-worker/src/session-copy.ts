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
import { mergeRemote } from './merge-remote.ts';
import { OwnChanges } from './own-changes.ts';

/**
 * The copy that a worker has of a session, which the gateway stores.
 *
 * It has the packed state of the gateway, and the object that callbacks read and change. The object is unpacked when a
 * callback reads it first, so a session that no callback reads costs nothing.
 */
export class SessionCopy {
  #packed: Uint8Array | undefined;
  /** Created by the first own change, because most clients have none. */
  #ownChanges: OwnChanges | undefined;
  #value: SessionData | undefined;
  /** True once the object is unpacked or set by a callback. */
  #isLoaded = false;
  /** The state that the object was last updated to. */
  #loaded: Uint8Array | undefined;
  /** True when a callback may have changed the object. */
  #mayHaveChanged = false;

  /** @param packed - the state at the gateway as msgpack; `undefined` when it was never set */
  constructor(packed: Uint8Array | undefined) {
    this.#packed = packed;
  }

  /** The state at the gateway as msgpack, with the changes that this worker has sent. */
  get packed(): Uint8Array | undefined {
    return this.#packed;
  }

  /**
   * Continues with the state of another gateway, which has applied none of the changes that were sent to the previous
   * one after it had sent the state.
   */
  reattach(packed: Uint8Array | undefined): void {
    this.#ownChanges = undefined;
    // A change of a callback that was not taken yet stays: it is compared with this state.
    this.#setState(packed);
  }

  /** The object that callbacks read and change. */
  get value(): SessionData | undefined {
    this.#mayHaveChanged = true;
    this.#load();
    return this.#value;
  }

  /** @throws {TypeError} when it is neither a plain object nor `undefined` */
  set value(value: SessionData | undefined) {
    if (value !== undefined && !isPlainObject(value)) {
      throw new TypeError('ctx.session is not a plain object');
    }
    this.#value = value;
    this.#isLoaded = true;
    this.#loaded = this.#packed;
    this.#mayHaveChanged = true;
  }

  /**
   * Returns the changes by callbacks since the last call. The caller must send them to the gateway.
   *
   * @returns `undefined` when nothing has changed
   * @throws {Error} when the session cannot be packed; the changes are dropped
   */
  takeChange(): SessionDelta | undefined {
    if (!this.#mayHaveChanged) return undefined;
    this.#mayHaveChanged = false;
    const packed = this.#packChecked();
    if (isSameBytes(packed, this.#packed)) return undefined;
    const delta = diffSession(parseSession(this.#packed), parseSession(packed));
    this.#packed = packed;
    this.#loaded = packed;
    if (delta !== undefined) this.#addOwn(delta);
    return delta;
  }

  /**
   * Applies a change by another process. Changes of a running callback that are not stored yet stay, because they are
   * later. Objects keep their identity, because a callback may hold them across an `await`.
   *
   * @param applied - number of own changes of this worker that the gateway had applied before it
   */
  applyRemoteChange(delta: SessionDelta, applied: number): void {
    const own = this.#ownChanges;
    if (own === undefined || own.confirm(applied)) {
      this.#apply(delta);
      return;
    }
    const before = parseSession(this.#packed);
    const after = own.applyRemote(before, delta, applied);
    if (after !== before) this.#setState(after === undefined ? undefined : packValue(after));
  }

  /** Applies a change that this worker has sent to the gateway by the Gateway API, not by a callback. */
  applyOwnChange(delta: SessionDelta): void {
    this.#addOwn(delta);
    this.#apply(delta);
  }

  #apply(delta: SessionDelta): void {
    this.#setState(applyPackedSessionDelta(this.#packed, delta));
  }

  #addOwn(delta: SessionDelta): void {
    this.#ownChanges ??= new OwnChanges();
    this.#ownChanges.add(delta);
  }

  /** Sets a new state of the gateway. */
  #setState(packed: Uint8Array | undefined): void {
    this.#packed = packed;
    // Unpacking a large session is expensive, so several changes between two callbacks unpack it once.
    if (this.#mayHaveChanged) this.#load();
  }

  /** Updates the object to the state of the gateway. */
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
      // Unpacked again: a callback that changes these objects must not change a delta that waits to be sent.
      this.#value = mergeState(this.#value, parseSession(before), parseSession(this.#packed));
    } catch {
      // Reading the object can run code of the application, such as a getter. `takeChange` reports the error.
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

/** Merges a new state of the gateway into the object of a callback. */
function mergeState(
  held: SessionData | undefined,
  before: SessionData | undefined,
  after: SessionData | undefined,
): SessionData | undefined {
  // The session was never set, or the callback has unset it.
  if (held === undefined) return before === undefined ? after : undefined;
  if (after === undefined && before !== undefined && isDeepEqual(before, held)) return undefined;
  return mergeRemote(held, before ?? {}, after ?? {});
}

function parseSession(packed: Uint8Array | undefined): SessionData | undefined {
  const session = packed === undefined ? undefined : unpackValue(packed);
  return isPlainObject(session) ? session : undefined;
}

function isSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
