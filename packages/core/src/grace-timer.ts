import type { Guard, Guarded } from './guard.ts';

/** Parts in which the time passes. */
const PARTS = 10;

/**
 * The time that a peer has to come back.
 *
 * It passes in parts, each of which takes a turn of the event loop at least: a process that was busy for all of
 * the time has not read what the peer sent meanwhile.
 */
export class GraceTimer {
  readonly #guard: Guard;
  #timer: NodeJS.Timeout | undefined;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /**
   * Starts again.
   *
   * @param timeMs - whole time, in milliseconds
   * @param link - ended when `onOver` throws
   */
  start(timeMs: number, onOver: () => void, link: Guarded): void {
    this.stop();
    let left = PARTS;
    const pass = (): void => {
      left -= 1;
      if (left > 0) this.#timer = setTimeout(tick, timeMs / PARTS);
      else onOver();
    };
    const tick = this.#guard.wrap('link grace timeout', pass, (error) => link.fail(error));
    this.#timer = setTimeout(tick, timeMs / PARTS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
