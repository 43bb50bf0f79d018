import type { Message } from '../../shared/model.ts';

/** Result of adding a received message. */
export type Placed =
  /** The message, and the early messages that follow it without a gap, in order. */
  | { readonly outcome: 'next'; readonly messages: readonly Message[] }
  /** The message was added before. */
  | { readonly outcome: 'repeated' }
  /** Messages before it are missing. */
  | { readonly outcome: 'early' };

/** Orders the messages of one conversation and drops duplicates. */
export class ConversationLog {
  /** All messages up to this `seq` have been added. */
  have: number;
  readonly #early = new Map<number, Message>();

  constructor(have: number) {
    this.have = have;
  }

  /** True if messages are missing; fetch them if the gap does not close by itself. */
  get hasGap(): boolean {
    return this.#early.size > 0;
  }

  place(message: Message): Placed {
    const { seq } = message;
    if (seq <= this.have) return { outcome: 'repeated' };
    if (seq > this.have + 1) {
      if (this.#early.has(seq)) return { outcome: 'repeated' };
      this.#early.set(seq, message);
      return { outcome: 'early' };
    }
    this.#early.set(seq, message);
    const messages: Message[] = [];
    for (;;) {
      const next = this.#early.get(this.have + 1);
      if (next === undefined) return { outcome: 'next', messages };
      this.#early.delete(next.seq);
      this.have = next.seq;
      messages.push(next);
    }
  }
}
