import type { SessionData, SessionDelta } from '@gatewayworker/protocol';

/**
 * Which keys of a session this worker has changed, and with which of its changes.
 *
 * A change that the gateway had not applied when it told of somebody else's comes after that one: of
 * the keys in both, the worker's own value is the one that stays.
 */
export class OwnChanges {
  #count = 0;
  readonly #lastByKey = new Map<string, number>();
  /** The change that made the session as if it had never been set; 0 when there was none. */
  #lastUnset = 0;

  /** Adds a change that is sent to the gateway. */
  add(delta: SessionDelta): void {
    this.#count += 1;
    if (delta.unset) {
      this.#lastUnset = this.#count;
      this.#lastByKey.clear();
    }
    for (const key of [...delta.remove, ...Object.keys(delta.set)]) {
      this.#lastByKey.set(key, this.#count);
    }
  }

  /**
   * Answers what is left of somebody else's change beside the own changes that come after it.
   *
   * @param applied - how many of the own changes came before it
   * @param session - the session as this worker knows it
   * @returns `undefined` when nothing is left
   */
  yieldTo(
    delta: SessionDelta,
    applied: number,
    session: Readonly<SessionData> | undefined,
  ): SessionDelta | undefined {
    if (this.#lastUnset > applied) return undefined;
    for (const [key, change] of this.#lastByKey) if (change <= applied) this.#lastByKey.delete(key);
    if (this.#count <= applied) return delta;
    // A change that comes after it leaves a session behind, an empty one at the least, and its keys,
    // which are those that the map still has.
    const isOpen = (key: string): boolean => !this.#lastByKey.has(key);
    const removed = delta.clear ? Object.keys(session ?? {}) : delta.remove;
    const set = Object.entries(delta.set).filter(([key]) => isOpen(key));
    return {
      unset: false,
      clear: false,
      remove: removed.filter(isOpen),
      set: Object.fromEntries(set),
    };
  }
}
