/** Messages that a user may send at once, and the interval of one more message. */
const BURST = 5;
const INTERVAL_MS = 1000;

/**
 * Limits the messages of each user by the generic cell rate algorithm, which stores one time per user: until when
 * the rate is used up. Source: ITU-T I.371.
 */
export class UserRate {
  readonly #usedUntil = new Map<string, number>();

  /**
   * Counts one message of a user.
   *
   * @param now - milliseconds of a clock that never steps back
   * @returns 0, or how long the user must wait in milliseconds; a refused message does not count
   */
  take(uid: string, now: number): number {
    const usedUntil = Math.max(this.#usedUntil.get(uid) ?? 0, now);
    const waitMs = usedUntil - now - (BURST - 1) * INTERVAL_MS;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#usedUntil.set(uid, usedUntil + INTERVAL_MS);
    return 0;
  }

  /** Removes the users whose limit is unused. */
  sweep(now: number): void {
    for (const [uid, usedUntil] of this.#usedUntil)
      if (usedUntil <= now) this.#usedUntil.delete(uid);
  }
}
