import {
  applySessionDelta,
  isPlainObject,
  type ObjectDelta,
  ownValue,
  type SessionData,
  type SessionDelta,
} from '@gatewayworker/protocol';

/** A place in a session: a key of a key of a key. Changes have numbers, from 1. */
class ChangedPlace {
  /** Last own change here or further in. */
  last: number;
  /** Last own change that put the whole value here, or took it away; 0 when there was none. */
  whole = 0;
  /** Places further in that were changed since. */
  readonly inner = new Map<string, ChangedPlace>();

  constructor(last: number) {
    this.last = last;
  }

  /** Notes a change of the whole value. */
  setWhole(change: number): void {
    this.last = change;
    this.whole = change;
    this.inner.clear();
  }

  /** Notes a change of what an object holds. */
  add(delta: ObjectDelta, change: number): void {
    this.last = change;
    for (const key of delta.remove) this.#at(key, change).setWhole(change);
    for (const key of Object.keys(delta.set)) this.#at(key, change).setWhole(change);
    for (const [key, inner] of Object.entries(delta.merge))
      this.#at(key, change).add(inner, change);
  }

  /** Forgets changes up to this one. */
  forget(change: number): void {
    for (const [key, place] of this.inner) {
      if (place.last <= change) this.inner.delete(key);
      else place.forget(change);
    }
  }

  /**
   * Puts own values back over an object in which somebody else has changed them. Those of changes that
   * do not count are forgotten already.
   *
   * @param own - the object with the own values
   * @param applied - own changes up to this one do not count
   */
  restore(
    changed: Readonly<SessionData>,
    own: Readonly<SessionData>,
    applied: number,
  ): SessionData {
    const result = new Map(Object.entries(changed));
    for (const [key, place] of this.inner) {
      const value = ownValue(own, key);
      if (place.whole <= applied && isPlainObject(value)) {
        const held = result.get(key);
        result.set(key, place.restore(isPlainObject(held) ? held : {}, value, applied));
      } else if (Object.hasOwn(own, key)) {
        result.set(key, value);
      } else {
        result.delete(key);
      }
    }
    return Object.fromEntries(result);
  }

  #at(key: string, change: number): ChangedPlace {
    const place = this.inner.get(key) ?? new ChangedPlace(change);
    this.inner.set(key, place);
    return place;
  }
}

/**
 * Which places of a session this worker has changed, and with which of its changes.
 *
 * A change that the gateway had not applied when it told of somebody else's comes after that one: of
 * the places in both, the worker's own value is the one that stays.
 */
export class OwnChanges {
  #count = 0;
  readonly #session = new ChangedPlace(0);

  /** Adds a change that is sent to the gateway. */
  add(delta: SessionDelta): void {
    this.#count += 1;
    if (delta.unset || delta.clear) this.#session.setWhole(this.#count);
    this.#session.add(delta, this.#count);
  }

  /**
   * Forgets the own changes that the gateway has applied.
   *
   * @param applied - how many it has applied
   * @returns true when none is left
   */
  confirm(applied: number): boolean {
    this.#session.forget(applied);
    return this.#count <= applied;
  }

  /**
   * Applies another process's change beside the own changes that come after it: those that `confirm`
   * has left.
   *
   * @param session - the session as this worker knows it
   * @param applied - how many of the own changes came before it
   * @returns the session that both sides end with
   */
  applyForeign(
    session: SessionData | undefined,
    delta: SessionDelta,
    applied: number,
  ): SessionData | undefined {
    // A change of the whole that comes after it leaves nothing of it.
    if (this.#session.whole > applied) return session;
    const changed = applySessionDelta(session, delta);
    // A change that comes after it leaves a session behind, an empty one at the least.
    return this.#session.restore(changed ?? {}, session ?? {}, applied);
  }
}
