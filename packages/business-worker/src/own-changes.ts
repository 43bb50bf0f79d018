import {
  applySessionDelta,
  isPlainObject,
  type ObjectDelta,
  ownValue,
  type SessionData,
  type SessionDelta,
} from '@gatewayworker/protocol';

/** The own changes at a path of a session, such as `cart.items`. Changes are numbered from 1. */
class ChangedPath {
  /** Number of the last own change at this path or below. */
  last: number;
  /** Number of the last own change that set or removed the whole value; 0 if there was none. */
  whole = 0;
  /** Paths below that were changed since then. */
  readonly inner = new Map<string, ChangedPath>();

  constructor(last: number) {
    this.last = last;
  }

  /** Records a change of the whole value. */
  setWhole(change: number): void {
    this.last = change;
    this.whole = change;
    this.inner.clear();
  }

  /** Records a change of keys of an object. */
  add(delta: ObjectDelta, change: number): void {
    this.last = change;
    for (const key of delta.remove) this.#at(key, change).setWhole(change);
    for (const key of Object.keys(delta.set)) this.#at(key, change).setWhole(change);
    for (const [key, inner] of Object.entries(delta.merge))
      this.#at(key, change).add(inner, change);
  }

  /** Drops changes up to this one. */
  dropUpTo(change: number): void {
    for (const [key, place] of this.inner) {
      if (place.last <= change) this.inner.delete(key);
      else place.dropUpTo(change);
    }
  }

  /**
   * Restores own values in an object after a change by another process. Own changes that were applied before that
   * change have been dropped already.
   *
   * @param own - the object with the own values
   * @param applied - number of own changes that were applied before the other change
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

  #at(key: string, change: number): ChangedPath {
    const place = this.inner.get(key) ?? new ChangedPath(change);
    this.inner.set(key, place);
    return place;
  }
}

/**
 * Which paths of a session this worker has changed, and by which of its changes.
 *
 * If the gateway had not applied an own change when it applied a change by another process, the own change is the later
 * one: for paths in both, the value of this worker wins.
 */
export class OwnChanges {
  #count = 0;
  readonly #session = new ChangedPath(0);

  /** Adds a change that is sent to the gateway. */
  add(delta: SessionDelta): void {
    this.#count += 1;
    if (delta.unset || delta.clear) this.#session.setWhole(this.#count);
    this.#session.add(delta, this.#count);
  }

  /**
   * Drops the own changes that the gateway has applied.
   *
   * @param applied - number of own changes that it has applied
   * @returns true when no own change is left
   */
  confirm(applied: number): boolean {
    this.#session.dropUpTo(applied);
    return this.#count <= applied;
  }

  /**
   * Applies a change by another process, before the own changes that are later: those that `confirm` has not dropped.
   *
   * @param session - the session of this worker
   * @param applied - number of own changes that were applied before it
   * @returns the session, which equals that of the gateway once the gateway has applied all own changes
   */
  applyRemote(
    session: SessionData | undefined,
    delta: SessionDelta,
    applied: number,
  ): SessionData | undefined {
    // A later own change has replaced the whole session.
    if (this.#session.whole > applied) return session;
    const changed = applySessionDelta(session, delta);
    // A later own change creates a session, even if the other change has unset it.
    return this.#session.restore(changed ?? {}, session ?? {}, applied);
  }
}
