import type { HostPort } from '@gatewayworker/core';

/** Time that the other registers have to send their lists after the first one has, in milliseconds. */
const GRACE_MS = 1000;

/**
 * Initial sync of a process with its registers. It waits for all of them, because a register that has just started may
 * answer first, with an empty list.
 */
export class InitialSync {
  readonly #registerCount: number;
  readonly #onDone: () => void;
  /** Registers that have sent a list or could not be reached. */
  readonly #results = new Set<HostPort>();
  #timer: NodeJS.Timeout | undefined;
  #isDone = false;

  constructor(registerCount: number, onDone: () => void) {
    this.#registerCount = registerCount;
    this.#onDone = onDone;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** A register has sent its list, or could not be reached. */
  handleResult(register: HostPort): void {
    this.#results.add(register);
    if (this.#results.size < this.#registerCount || this.#isDone) return;
    this.finish();
    this.#onDone();
  }

  /** A register has sent its list: the sync ends within a second, even without the other ones. */
  startGracePeriod(): void {
    if (this.#isDone) return;
    this.#timer ??= setTimeout(() => {
      this.finish();
      this.#onDone();
    }, GRACE_MS);
  }

  /** Ends the sync without a call of `onDone`. */
  finish(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
  }
}
