import { isRetryable } from '../../shared/error-code.ts';
import type { Id } from '../../shared/model.ts';
import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import { isUnanswered, type Outgoing, toContent } from '../store/outgoing.ts';

/** What a sender works with. */
export interface SenderOptions {
  /** The messages that wait, in the order in which they were written. */
  readonly outbox: () => readonly Outgoing[];
  /** Answers false when there is no connection. */
  readonly say: (message: ClientMessage) => boolean;
}

/** How long an answer may take before the message is sent again, in milliseconds. */
const answerMs = 10_000;

/** How often it is looked at what is overdue and held up, in milliseconds. */
const heldUpMs = 1000;

/**
 * Sends what waits in the outbox, again and again until each is answered: in a conversation one after the other, since
 * what is refused for now would else be overtaken by what follows.
 */
export class Sender {
  readonly #options: SenderOptions;
  /** When each message was sent on this connection. */
  readonly #sentAt = new Map<string, number>();
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** A new connection: whatever is not answered is sent again. */
  restart(): void {
    this.#sentAt.clear();
    this.#pausedUntil = 0;
    this.flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Hears an answer: what was refused for now holds up all that follow, so that their order stays. */
  heard(answer: Extract<ServerMessage, { type: 'sent' | 'refused' }>): void {
    this.#sentAt.delete(answer.clientId);
    if (answer.type === 'refused' && isRetryable(answer.error)) {
      this.#pausedUntil = Date.now() + (answer.retryAfterMs ?? 1000);
    }
    this.flush();
  }

  /** Sends what can be sent now. */
  flush(): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    const outbox = this.#options.outbox();
    const waiting = outbox.filter(isUnanswered);
    const ids = new Set(waiting.map(({ clientId }) => clientId));
    for (const clientId of this.#sentAt.keys())
      if (!ids.has(clientId)) this.#sentAt.delete(clientId);
    if (now >= this.#pausedUntil && !this.#sendAll(outbox, now)) return;
    this.#wake(waiting, now);
  }

  /** Answers false when there is no connection. */
  #sendAll(outbox: readonly Outgoing[], now: number): boolean {
    const busy = new Set<Id>();
    for (const outgoing of outbox) {
      const { clientId, conversationId, status } = outgoing;
      const isWaiting = isUnanswered(outgoing);
      if ((!isWaiting && status !== 'uploading') || busy.has(conversationId)) continue;
      busy.add(conversationId);
      const content = toContent(outgoing);
      // A picture that is uploaded is not overtaken either.
      if (!isWaiting || content === undefined) continue;
      const sentAt = this.#sentAt.get(clientId);
      if (sentAt !== undefined && now - sentAt < answerMs) continue;
      if (!this.#options.say({ type: 'send', clientId, conversationId, content })) return false;
      this.#sentAt.set(clientId, now);
    }
    return true;
  }

  /** Looks again when a pause is over, or an answer overdue. */
  #wake(waiting: readonly Outgoing[], now: number): void {
    if (waiting.length === 0) return;
    const overdue = [...this.#sentAt.values()].map((sentAt) => sentAt + answerMs);
    const at = now < this.#pausedUntil ? this.#pausedUntil : Math.min(...overdue);
    if (!Number.isFinite(at)) return;
    // What is overdue still is held up by something before it, which was tried again.
    this.#timer = setTimeout(() => this.flush(), at > now ? at - now : heldUpMs);
  }
}
