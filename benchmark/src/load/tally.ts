import { LatencyHistogram } from './latency-histogram.ts';
import { monotonicMicros } from './send-time.ts';

/** What the clients of one process have received. */
export class Tally {
  /** Whether latencies and arrivals count. */
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

  /** Tells how many messages have come: now, and whenever so many more have. */
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

  /** Notes that a client got the message that was sent at this time. */
  noteArrival(sentAt: number, now: number): void {
    const known = this.#arrivals.get(sentAt);
    if (known === undefined) this.#arrivals.set(sentAt, { first: now, last: now });
    else known.last = now;
  }

  /** Send time, first and last arrival of each message that was noted. */
  get arrivals(): [number, number, number][] {
    return [...this.#arrivals].map(([sentAt, { first, last }]) => [sentAt, first, last]);
  }

  /** Microseconds of the shared clock. */
  now(): number {
    return monotonicMicros();
  }
}
