import type { Message } from '../../shared/model.ts';

/** A message of the load, by the text that only it has. */
interface Said {
  /** By the clock of `performance.now`. */
  readonly at: number;
  /** Who is to see it: everybody in the conversation. */
  readonly audience: readonly number[];
  isStored: boolean;
  id: string | undefined;
  isStoredTwice: boolean;
  readonly seenBy: Map<number, number>;
}

/** What has become of everything that was said. */
export interface TallyReport {
  readonly said: number;
  readonly stored: number;
  readonly refused: number;
  /** How often one of them came up on one screen. */
  readonly seen: number;
  /** Stored, but missing on the screen of somebody; counted per screen. */
  readonly lost: number;
  /** Twice on one screen, or stored twice. */
  readonly doubled: number;
  /** Those of one sender in another order than they were sent; counted per screen. */
  readonly reordered: number;
  readonly late: number;
  /** Milliseconds from sending to the screens of the others: the middle one, that of 99 in 100, the longest. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Counts what is said, and what comes up on which screen. */
export class Tally {
  readonly #lateMs: number;
  readonly #now: () => number;
  readonly #said = new Map<string, Said>();
  /** Number of the last message of a sender in a conversation that a screen has shown. */
  readonly #last = new Map<string, number>();
  readonly #latencies: number[] = [];
  #refused = 0;
  #reordered = 0;

  constructor(lateMs: number, now: () => number = () => performance.now()) {
    this.#lateMs = lateMs;
    this.#now = now;
  }

  /** Something is sent now, for these people; `text` is its own. */
  say(text: string, audience: readonly number[]): void {
    const record = { isStored: false, id: undefined, isStoredTwice: false };
    this.#said.set(text, { at: this.#now(), audience, ...record, seenBy: new Map() });
  }

  /** The server has said that it is stored. */
  store(text: string): void {
    const said = this.#said.get(text);
    if (said !== undefined) said.isStored = true;
  }

  /** The server has refused it for good. */
  refuse(): void {
    this.#refused += 1;
  }

  /** A message has come up on the screen of somebody. */
  show(person: number, message: Message): void {
    const text = message.content.kind === 'text' ? message.content.text : '';
    const said = this.#said.get(text);
    // Something else than this load: what it had said in an earlier run.
    if (said === undefined) return;
    const count = (said.seenBy.get(person) ?? 0) + 1;
    said.seenBy.set(person, count);
    if (said.id !== undefined && said.id !== message.id) said.isStoredTwice = true;
    said.id = message.id;
    if (count > 1) return;
    this.#latencies.push(this.#now() - said.at);
    const key = `${person} ${message.conversationId} ${message.senderId}`;
    const number = numberOf(text);
    if (number < (this.#last.get(key) ?? -1)) this.#reordered += 1;
    this.#last.set(key, number);
  }

  /** Whether everything that is stored has come up everywhere. */
  get isComplete(): boolean {
    return this.#lost() === 0;
  }

  report(): TallyReport {
    const all = [...this.#said.values()];
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const doubled = all.reduce((sum, { seenBy, isStoredTwice }) => {
      const more = [...seenBy.values()].filter((count) => count > 1).length;
      return sum + more + (isStoredTwice ? 1 : 0);
    }, 0);
    return {
      said: all.length,
      stored: all.filter(({ isStored }) => isStored).length,
      refused: this.#refused,
      seen: sorted.length,
      lost: this.#lost(),
      doubled,
      reordered: this.#reordered,
      late: sorted.filter((latency) => latency > this.#lateMs).length,
      latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }

  #lost(): number {
    let lost = 0;
    for (const { isStored, audience, seenBy } of this.#said.values()) {
      if (isStored) lost += audience.filter((person) => !seenBy.has(person)).length;
    }
    return lost;
  }
}

/** Text of the message with this number of a run. */
export function toLoadText(run: string, person: number, number: number): string {
  return `${run} ${person} ${number}`;
}

function numberOf(text: string): number {
  return Number(text.slice(text.lastIndexOf(' ') + 1));
}
