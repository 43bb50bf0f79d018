import { GatewayWorkerError } from './errors.ts';

interface PendingRequest {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
  /** Entries received so far of an answer that is a list. */
  parts: unknown[] | undefined;
}

/** Milliseconds of a clock that never steps back. */
export type Clock = () => number;

/**
 * Pending requests of one link, by id, each with a deadline.
 *
 * One coarse timer checks all deadlines. It runs only while a request is pending.
 */
export class RequestTable {
  readonly #pending = new Map<number, PendingRequest>();
  readonly #clock: Clock;
  readonly #tickMs: number;
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param tickMs - interval of the checks, in milliseconds; a timeout is late by at most one interval */
  constructor(clock: Clock = () => performance.now(), tickMs = 50) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** Id of the last request, for `continueFrom` of another table. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Continues the ids of another table, so that a late answer to a request of that table matches none of this one. */
  continueFrom(lastId: number): void {
    this.#lastId = lastId;
  }

  /** Number of pending requests. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Adds a request.
   *
   * @returns its id, for the frame, and the promise of its answer, which rejects with `GW_ERR_QUERY_TIMEOUT` at the
   * deadline and with the error of `reject` or `rejectAll`
   */
  add(timeoutMs: number): { readonly requestId: number; readonly answer: Promise<unknown> } {
    const requestId = this.#nextId();
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(requestId, {
        resolve,
        reject,
        deadline: this.#clock() + timeoutMs,
        parts: undefined,
      });
    });
    this.#timer ??= setInterval(() => this.expire(), this.#tickMs);
    return { requestId, answer };
  }

  /** Adds a chunk of an answer that is a list; an unknown or expired id is ignored. */
  addPart(requestId: number, part: readonly unknown[]): void {
    const request = this.#pending.get(requestId);
    if (request === undefined) return;
    request.parts ??= [];
    for (const entry of part) request.parts.push(entry);
  }

  /** Resolves a request, including the chunks received before; an unknown or expired id is ignored. */
  resolve(requestId: number, answer: unknown): void {
    const request = this.#take(requestId);
    const isRest = request?.parts !== undefined && Array.isArray(answer);
    request?.resolve(isRest ? request.parts?.concat(answer) : answer);
  }

  /** Rejects a request; an unknown or expired id is ignored. */
  reject(requestId: number, error: Error): void {
    this.#take(requestId)?.reject(error);
  }

  /** Rejects every request. */
  rejectAll(error: Error): void {
    for (const requestId of [...this.#pending.keys()]) this.reject(requestId, error);
  }

  /** Rejects the requests whose deadline has passed. */
  expire(): void {
    const now = this.#clock();
    for (const [requestId, { deadline }] of this.#pending) {
      if (deadline <= now) this.reject(requestId, new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT'));
    }
  }

  #take(requestId: number): PendingRequest | undefined {
    const request = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    if (this.#pending.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    return request;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}
