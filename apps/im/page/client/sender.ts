import { isRetryable } from '../../shared/error-code.ts';
import type { Id } from '../../shared/model.ts';
import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import { isUnanswered, type Outgoing, toContent } from '../store/outgoing.ts';

/** Dependencies of a sender. */
export interface SenderOptions {
  /** The messages of the outbox, in the order in which they were written. */
  readonly outbox: () => readonly Outgoing[];
  /** Returns false if there is no connection. */
  readonly transmit: (message: ClientMessage) => boolean;
}

/** Timeout after which an unanswered message is sent again, in milliseconds. */
const answerMs = 10_000;

/** Interval of checks while an overdue message waits for an earlier one, in milliseconds. */
const blockedCheckMs = 1000;

/**
 * Sends the messages of the outbox, and resends them until they are answered. In a conversation one after the other:
 * otherwise later messages would overtake one that is refused temporarily.
 */
export class Sender {
  readonly #options: SenderOptions;
  /** Time of the last send of each message on this connection. */
  readonly #sentAt = new Map<string, number>();
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Call it for a new connection: unanswered messages are sent again. */
  restart(): void {
    this.#sentAt.clear();
    this.#pausedUntil = 0;
    this.flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Handles an answer. A temporary refusal pauses all sends, so that the order is kept. */
  handleAnswer(answer: Extract<ServerMessage, { type: 'sent' | 'refused' }>): void {
    this.#sentAt.delete(answer.clientId);
    if (answer.type === 'refused' && isRetryable(answer.error)) {
      this.#pausedUntil = Date.now() + (answer.retryAfterMs ?? 1000);
    }
    this.flush();
  }

  /** Sends the messages that can be sent now. */
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

  /** Returns false if there is no connection. */
  #sendAll(outbox: readonly Outgoing[], now: number): boolean {
    const busy = new Set<Id>();
    for (const outgoing of outbox) {
      const { clientId, conversationId, status } = outgoing;
      const isWaiting = isUnanswered(outgoing);
      if ((!isWaiting && status !== 'uploading') || busy.has(conversationId)) continue;
      busy.add(conversationId);
      const content = toContent(outgoing);
      // Later messages also wait for a picture that is being uploaded.
      if (!isWaiting || content === undefined) continue;
      const sentAt = this.#sentAt.get(clientId);
      if (sentAt !== undefined && now - sentAt < answerMs) continue;
      if (!this.#options.transmit({ type: 'send', clientId, conversationId, content }))
        return false;
      this.#sentAt.set(clientId, now);
    }
    return true;
  }

  /** Schedules the next check: at the end of the pause, or when an answer is overdue. */
  #wake(waiting: readonly Outgoing[], now: number): void {
    if (waiting.length === 0) return;
    const overdue = [...this.#sentAt.values()].map((sentAt) => sentAt + answerMs);
    const at = now < this.#pausedUntil ? this.#pausedUntil : Math.min(...overdue);
    if (!Number.isFinite(at)) return;
    // A message that is still overdue waits for an earlier one, which is being retried.
    this.#timer = setTimeout(() => this.flush(), at > now ? at - now : blockedCheckMs);
  }
}
