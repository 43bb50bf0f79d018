import type { ClientError } from './client-error.ts';
import type { Payload } from './payload.ts';

/** A longer timer expires at once. */
export const MAX_TIMER_MS = 0x7fffffff;

/** A call of `send` or `request` until the application has confirmed it. */
export interface Call extends Payload {
  /** Type of a request; undefined for a message. */
  readonly type: string | undefined;
  /** Assigned when it is sent for the first time; 0 before. */
  number: number;
  /** Kept until the application has handled it. */
  frame: Uint8Array<ArrayBuffer> | undefined;
  /** What it counts in the outbox. */
  bytes: number;
  isSettled: boolean;
  /** Settles the promise of the call, once. */
  settle(error: ClientError | undefined, value?: unknown): void;
}

/**
 * Creates a call, and returns its promise. A rejection that no code observes is ignored. `start` begins what may fail the
 * call early, and returns what stops that when the call settles.
 */
export function createCall<R>(
  type: string | undefined,
  payload: Payload,
  start: (call: Call) => () => void,
): Promise<R> {
  const promise = new Promise<R>((resolve, reject) => {
    let stop: (() => void) | undefined;
    const call: Call = {
      type,
      ...payload,
      number: 0,
      frame: undefined,
      bytes: payload.payload.length,
      isSettled: false,
      settle(error, value) {
        if (call.isSettled) return;
        call.isSettled = true;
        stop?.();
        if (error === undefined) resolve(value as R);
        else reject(error);
      },
    };
    stop = start(call);
    // `start` itself may have failed it.
    if (call.isSettled) stop?.();
  });
  promise.catch(() => {});
  return promise;
}

/** Calls a function once, unless the function that this returns is called before. */
export function startTimer(ms: number | undefined, expire: () => void): () => void {
  const timer = ms === undefined ? undefined : setTimeout(expire, Math.min(ms, MAX_TIMER_MS));
  return () => clearTimeout(timer);
}
