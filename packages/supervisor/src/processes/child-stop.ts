import type { Logger, StopOptions } from '@gatewayworker/core';
import type { ChildReport } from '../control/child-protocol.ts';

/** Wait before SIGTERM counts as sent to one child: a signal to the process group reaches the master in this time. */
export const GROUP_SIGNAL_MS = 100;
/** A child ends at its own deadline; the margin lets it log its unfinished work. */
const KILL_MARGIN_MS = 250;
/** A child that answers within this time is not blocked, so its stack is not read. */
const ALIVE_TIMEOUT_MS = 200;
/** Time to read the stack of a late child on a busy machine. */
export const STACK_TIMEOUT_MS = 2_000;

/** Options of a stop in which the process finishes its work. */
export function gracefulStop(timeoutMs: number): StopOptions {
  return { isGraceful: true, timeoutMs, drainMs: 0 };
}

/** Time for a process to move its clients to its successor, in milliseconds. */
export const HANDOVER_MS = 60_000;

/** A child that can be stopped. */
export interface StoppableChild {
  /** Resolves once the process has ended. */
  readonly ended: Promise<void>;
  /** Whether the process is known to have ended. */
  readonly hasExited: boolean;
  sendStop(options: StopOptions): void;
  /** See `RunningChild.stackUnavailableReason`. */
  readonly stackUnavailableReason: string | undefined;
  report(timeoutMs: number): Promise<ChildReport | undefined>;
  stack(timeoutMs: number): Promise<string | undefined>;
  kill(): void;
}

/** Stops a child, and kills it when it is late. */
export class ChildStop {
  readonly #child: StoppableChild;
  readonly #logger: Logger;
  #wasKilled = false;

  constructor(child: StoppableChild, logger: Logger) {
    this.#child = child;
    this.#logger = logger;
  }

  /**
   * Asks the child to stop, and kills it when it has not ended in time. Resolves once it has ended.
   *
   * @returns whether this call or an earlier one killed it
   */
  async run(options: StopOptions): Promise<boolean> {
    const timeMs = options.timeoutMs + options.drainMs;
    this.#child.sendStop(options);
    const timer = setTimeout(() => void this.#killLate(timeMs), timeMs + KILL_MARGIN_MS);
    await this.#child.ended;
    clearTimeout(timer);
    return this.#wasKilled;
  }

  async #killLate(timeMs: number): Promise<void> {
    const isAlive = (await this.#child.report(ALIVE_TIMEOUT_MS)) !== undefined;
    const stack = isAlive
      ? undefined
      : ((await this.#child.stack(STACK_TIMEOUT_MS)) ?? this.#child.stackUnavailableReason);
    if (this.#child.hasExited) return;
    this.#wasKilled = true;
    this.#logger.warn({ stack }, `killed: it did not stop within ${timeMs} ms`);
    this.#child.kill();
  }
}
