import { LatencyHistogram } from './latency-histogram.ts';
import { monotonicMicros } from './send-time.ts';

/** Counts the received messages of the clients of one process. */
export class Tally {
  /** Whether latencies and arrivals are recorded. */
  isMeasuring = false;
  readonly latencies: LatencyHistogram = new LatencyHistogram();
  #messages = 0;
  #reportEvery = 0;
  #reportAt = Number.POSITIVE_INFINITY;
  #report: (messages: number) => void = () => undefined;
  readonly #arrivals = new Map<number, { first: number; last: number }>();

  /** Messages so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Reports the number of messages now, and again after every `messages` more. */
  reportEvery(messages: number, report: (messages: number) => void): void {
    this.#reportEvery = messages;
    this.#reportAt = this.#messages + messages;
    this.#report = report;
    report(this.#messages);
  }

  /** Counts a message. */
  add(): void {
    this.#messages += 1;
    if (this.#messages < this.#reportAt) return;
    this.#reportAt += this.#reportEvery;
    this.#report(this.#messages);
  }

  /** Records that a client received the message with a send time. */
  recordArrival(sentAt: number, now: number): void {
    const known = this.#arrivals.get(sentAt);
    if (known === undefined) this.#arrivals.set(sentAt, { first: now, last: now });
    else known.last = now;
  }

  /** Send time, first and last arrival of each recorded message. */
  get arrivals(): [number, number, number][] {
    return [...this.#arrivals].map(([sentAt, { first, last }]) => [sentAt, first, last]);
  }

  /** Microseconds of the shared clock. */
  now(): number {
    return monotonicMicros();
  }
}
