import type { Guard, Guarded } from './guard.ts';

/** Number of timers that the time is split into. */
const PARTS = 10;

/**
 * The time that a peer has to resume its link.
 *
 * It is split into several timers, each of which takes at least one turn of the event loop. Otherwise a process that
 * was busy for the whole time would end the link before it reads what the peer has sent.
 */
export class GraceTimer {
  readonly #guard: Guard;
  #timer: NodeJS.Timeout | undefined;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /**
   * Starts, or restarts, the timer.
   *
   * @param timeMs - whole time, in milliseconds
   * @param link - ended if `onExpired` throws
   */
  start(timeMs: number, onExpired: () => void, link: Guarded): void {
    this.stop();
    let left = PARTS;
    const pass = (): void => {
      left -= 1;
      if (left > 0) this.#timer = setTimeout(tick, timeMs / PARTS);
      else onExpired();
    };
    const tick = this.#guard.wrap('link grace timeout', pass, (error) => link.fail(error));
    this.#timer = setTimeout(tick, timeMs / PARTS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
