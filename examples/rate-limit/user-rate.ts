/** Messages that a user may send at once, and the time after which one more is allowed. */
const BURST = 5;
const INTERVAL_MS = 1000;

/**
 * Limits the messages of each user by the generic cell rate algorithm: one number per user, the time when all that
 * was sent is paid for. Source: ITU-T I.371.
 */
export class UserRate {
  readonly #paidAt = new Map<string, number>();

  /**
   * Counts one message of a user.
   *
   * @param now - milliseconds of a clock that never steps back
   * @returns 0, or how long the user must wait in milliseconds; a refused message does not count
   */
  take(uid: string, now: number): number {
    const paidAt = Math.max(this.#paidAt.get(uid) ?? 0, now);
    const waitMs = paidAt - now - (BURST - 1) * INTERVAL_MS;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#paidAt.set(uid, paidAt + INTERVAL_MS);
    return 0;
  }

  /** Forgets the users whose limit is unused. */
  sweep(now: number): void {
    for (const [uid, paidAt] of this.#paidAt) if (paidAt <= now) this.#paidAt.delete(uid);
  }
}
