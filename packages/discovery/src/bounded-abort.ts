/**
 * A signal that follows another one and may abort by itself, for one action.
 *
 * `AbortSignal.any()` with `AbortSignal.timeout()` is meant for this, but the garbage collector of Node.js 20
 * can take the parts of such a signal away: it then never aborts, and a call waits indefinitely.
 */
export class BoundedAbort {
  readonly #controller = new AbortController();
  readonly #followed: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #follow = (): void => this.abort();

  /** @param timeoutMs - when it aborts by itself; `undefined` sets no limit */
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

  /** Breaks the action off. */
  abort(reason?: Error): void {
    this.#controller.abort(reason);
  }

  /** The action is over: nothing aborts any more. */
  release(): void {
    clearTimeout(this.#timer);
    this.#followed.removeEventListener('abort', this.#follow);
  }
}
