/**
 * An abort signal for one action. It aborts when another signal aborts, after a timeout, or by `abort`.
 *
 * `AbortSignal.any()` with `AbortSignal.timeout()` cannot be used: the garbage collector of Node.js 20 may collect the
 * source signals. The result then never aborts, and a call waits indefinitely.
 */
export class BoundedAbort {
  readonly #controller = new AbortController();
  readonly #followed: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #follow = (): void => this.abort();

  /** @param timeoutMs - time after which it aborts; `undefined` sets no timeout */
  constructor(followed: AbortSignal, timeoutMs?: number) {
    this.#followed = followed;
    if (followed.aborted) this.abort();
    else followed.addEventListener('abort', this.#follow);
    if (timeoutMs === undefined) return;
    const expire = (): void => this.abort(new Error(`no answer within ${timeoutMs} ms`));
    this.#timer = setTimeout(expire, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts the action. */
  abort(reason?: Error): void {
    this.#controller.abort(reason);
  }

  /** Call it when the action has ended: removes the timer and the listener. */
  release(): void {
    clearTimeout(this.#timer);
    this.#followed.removeEventListener('abort', this.#follow);
  }
}
