import type { Message } from '../../shared/model.ts';

/** What has become of a message that came. */
export type Placed =
  /** It and those that it was waited for are next, in this order. */
  | { readonly outcome: 'next'; readonly messages: readonly Message[] }
  /** It is there already. */
  | { readonly outcome: 'repeated' }
  /** There is a gap before it. */
  | { readonly outcome: 'early' };

/** Puts the messages of one conversation in order, each once. */
export class ConversationLog {
  /** Everything up to this `seq` is there. */
  have: number;
  readonly #early = new Map<number, Message>();

  constructor(have: number) {
    this.have = have;
  }

  /** Whether there is a gap that has to be fetched when it does not close by itself. */
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
