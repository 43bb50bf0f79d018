import type { Message } from '../../shared/model.ts';

/** A message of the load, identified by its unique text. */
interface SentMessage {
  /** Time of the send, by `performance.now`. */
  readonly at: number;
  /** Expected receivers: all members of the conversation. */
  readonly audience: readonly number[];
  isStored: boolean;
  id: string | undefined;
  isStoredTwice: boolean;
  /** Number of deliveries by receiver. */
  readonly shownTo: Map<number, number>;
}

/** Totals of a load. */
export interface TallyReport {
  readonly sent: number;
  readonly stored: number;
  readonly refused: number;
  /** Deliveries, counted per receiver. */
  readonly shown: number;
  /** Stored but not delivered, counted per receiver. */
  readonly lost: number;
  /** Delivered twice to one receiver, or stored twice. */
  readonly duplicated: number;
  /** Messages of one sender that were delivered in another order than sent, counted per receiver. */
  readonly reordered: number;
  readonly late: number;
  /** Milliseconds from the send to each delivery: median, 99th percentile, maximum. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Counts sent, stored and delivered messages. */
export class Tally {
  readonly #lateMs: number;
  readonly #now: () => number;
  readonly #sent = new Map<string, SentMessage>();
  /** Number of the last delivered message by receiver, conversation and sender. */
  readonly #last = new Map<string, number>();
  readonly #latencies: number[] = [];
  #refused = 0;
  #reordered = 0;

  constructor(lateMs: number, now: () => number = () => performance.now()) {
    this.#lateMs = lateMs;
    this.#now = now;
  }

  /** A message with a unique text is sent to these receivers. */
  recordSent(text: string, audience: readonly number[]): void {
    const record = { isStored: false, id: undefined, isStoredTwice: false };
    this.#sent.set(text, { at: this.#now(), audience, ...record, shownTo: new Map() });
  }

  /** The server has answered `sent`. */
  recordStored(text: string): void {
    const sent = this.#sent.get(text);
    if (sent !== undefined) sent.isStored = true;
  }

  /** The server has refused a message permanently. */
  recordRefused(): void {
    this.#refused += 1;
  }

  /** A message was delivered to a receiver. */
  recordShown(user: number, message: Message): void {
    const text = message.content.kind === 'text' ? message.content.text : '';
    const sent = this.#sent.get(text);
    // A message of an earlier run.
    if (sent === undefined) return;
    const count = (sent.shownTo.get(user) ?? 0) + 1;
    sent.shownTo.set(user, count);
    if (sent.id !== undefined && sent.id !== message.id) sent.isStoredTwice = true;
    sent.id = message.id;
    if (count > 1) return;
    this.#latencies.push(this.#now() - sent.at);
    const key = `${user} ${message.conversationId} ${message.senderId}`;
    const number = numberOf(text);
    if (number < (this.#last.get(key) ?? -1)) this.#reordered += 1;
    this.#last.set(key, number);
  }

  /** True if every stored message was delivered to every receiver. */
  get isComplete(): boolean {
    return this.#lost() === 0;
  }

  report(): TallyReport {
    const all = [...this.#sent.values()];
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const duplicated = all.reduce((sum, { shownTo, isStoredTwice }) => {
      const repeated = [...shownTo.values()].filter((count) => count > 1).length;
      return sum + repeated + (isStoredTwice ? 1 : 0);
    }, 0);
    return {
      sent: all.length,
      stored: all.filter(({ isStored }) => isStored).length,
      refused: this.#refused,
      shown: sorted.length,
      lost: this.#lost(),
      duplicated,
      reordered: this.#reordered,
      late: sorted.filter((latency) => latency > this.#lateMs).length,
      latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }

  #lost(): number {
    let lost = 0;
    for (const { isStored, audience, shownTo } of this.#sent.values()) {
      if (isStored) lost += audience.filter((user) => !shownTo.has(user)).length;
    }
    return lost;
  }
}

/** The unique text of a message: run, user and number. */
export function toLoadText(run: string, user: number, number: number): string {
  return `${run} ${user} ${number}`;
}

function numberOf(text: string): number {
  return Number(text.slice(text.lastIndexOf(' ') + 1));
}
