import { setTimeout as sleep } from 'node:timers/promises';

/** Timeout and interval of a check. */
export interface EventuallyOptions {
  /** @default 30_000, long enough for a busy machine: it only ends checks that hang */
  readonly timeoutMs?: number;
  /** Pause between two tries. @default 20 */
  readonly intervalMs?: number;
}

/**
 * Repeats a check until it neither throws nor returns `undefined` or `false`, and resolves with its value.
 *
 * A check that does not settle fails at the deadline too.
 *
 * @throws the error of the last try, or an error with its last value
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const { timeoutMs = 30_000, intervalMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const outcome = await attempt(check, Math.max(intervalMs, deadline - performance.now()));
    if (outcome.done) return outcome.value;
    if (performance.now() >= deadline) throw lastReason(outcome.reason, timeoutMs);
    await sleep(intervalMs);
  }
}

type Outcome<T> =
  | { readonly done: true; readonly value: Exclude<T, undefined | false> }
  | { readonly done: false; readonly reason: unknown };

async function attempt<T>(check: () => T | Promise<T>, timeoutMs: number): Promise<Outcome<T>> {
  const timer = new AbortController();
  try {
    const value = await Promise.race([check(), hang(timeoutMs, timer.signal)]);
    if (value === undefined || value === false) {
      return { done: false, reason: new Error(`the check still returns ${String(value)}`) };
    }
    return { done: true, value: value as Exclude<T, undefined | false> };
  } catch (error) {
    return { done: false, reason: error };
  } finally {
    timer.abort();
  }
}

async function hang(timeoutMs: number, signal: AbortSignal): Promise<never> {
  await sleep(timeoutMs, undefined, { signal });
  throw new Error('the check has not settled');
}

function lastReason(reason: unknown, timeoutMs: number): Error {
  const error = reason instanceof Error ? reason : new Error(String(reason));
  error.message = `${error.message} (after ${timeoutMs} ms)`;
  return error;
}
