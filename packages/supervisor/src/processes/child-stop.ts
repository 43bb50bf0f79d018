import type { Logger, StopOptions } from '@gatewayworker/core';
import type { ChildReport } from '../control/child-protocol.ts';

/** SIGTERM for the whole process group reaches the master within this time too, if it was for the group. */
export const GROUP_SIGNAL_MS = 100;
/** A child keeps its own deadline, and so has time to log what it did not finish. */
const KILL_MARGIN_MS = 250;
/** A child that answers within this time hangs in no loop. */
const ALIVE_TIMEOUT_MS = 200;
/** Time to read the stack of a late child: a busy machine needs some. */
export const LAST_STACK_MS = 2_000;

/** The end of a process that finishes what it has begun. */
export function gracefulStop(timeoutMs: number): StopOptions {
  return { isGraceful: true, timeoutMs, drainMs: 0 };
}

/** Time that a process has to move its clients to a successor that has taken over, in milliseconds. */
export const HANDOVER_MS = 60_000;

/** What can be stopped. */
export interface StoppableChild {
  /** Resolves once the process is gone. */
  readonly ended: Promise<void>;
  /** Whether the process is known to be gone. */
  readonly hasExited: boolean;
  tellToStop(options: StopOptions): void;
  /** See `RunningChild.noStackReason`. */
  readonly noStackReason: string | undefined;
  report(timeoutMs: number): Promise<ChildReport | undefined>;
  stack(timeoutMs: number): Promise<string | undefined>;
  kill(): void;
}

/** The end of a child that is asked to stop, and killed when it takes too long. */
export class ChildStop {
  readonly #child: StoppableChild;
  readonly #logger: Logger;
  #wasKilled = false;

  constructor(child: StoppableChild, logger: Logger) {
    this.#child = child;
    this.#logger = logger;
  }

  /**
   * Asks the child to stop, and kills it when it is not gone in the time that it has.
   *
   * @returns whether it had to be killed, by this call or an earlier one, once it is gone
   */
  async run(options: StopOptions): Promise<boolean> {
    const timeMs = options.timeoutMs + options.drainMs;
    this.#child.tellToStop(options);
    const timer = setTimeout(() => void this.#killLate(timeMs), timeMs + KILL_MARGIN_MS);
    await this.#child.ended;
    clearTimeout(timer);
    return this.#wasKilled;
  }

  async #killLate(timeMs: number): Promise<void> {
    const isAlive = (await this.#child.report(ALIVE_TIMEOUT_MS)) !== undefined;
    const stack = isAlive
      ? undefined
      : ((await this.#child.stack(LAST_STACK_MS)) ?? this.#child.noStackReason);
    if (this.#child.hasExited) return;
    this.#wasKilled = true;
    this.#logger.warn({ stack }, `killed: it did not stop within ${timeMs} ms`);
    this.#child.kill();
  }
}
