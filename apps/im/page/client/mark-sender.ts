import type { Id } from '../../shared/model.ts';
import type { ClientMessage } from '../../shared/socket-message.ts';

/** Dependencies of a mark sender. */
export interface MarkSenderOptions {
  /** Returns false if there is no connection. */
  readonly transmit: (message: ClientMessage) => boolean;
}

interface Marks {
  delivered: number;
  read: number;
}

/** Interval of marks, in milliseconds, and conversations per interval: well below the rate limit of the server. */
const pauseMs = 250;
const maxAtOnce = 4;

/** Sends the delivered and read marks of this device, only the newest of each conversation. */
export class MarkSender {
  readonly #options: MarkSenderOptions;
  readonly #sent = new Map<Id, Marks>();
  readonly #waiting = new Map<Id, Marks>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: MarkSenderOptions) {
    this.#options = options;
  }

  /** All messages up to `seq` were delivered, or read. */
  mark(conversationId: Id, kind: keyof Marks, seq: number): void {
    const sent = this.#sent.get(conversationId) ?? { delivered: 0, read: 0 };
    const known = kind === 'read' ? sent.read : Math.max(sent.delivered, sent.read);
    if (seq <= known) return;
    const waiting = this.#waiting.get(conversationId) ?? { delivered: 0, read: 0 };
    waiting[kind] = Math.max(waiting[kind], seq);
    this.#waiting.set(conversationId, waiting);
    // A short delay for the first mark; later ones are batched.
    this.#timer ??= setTimeout(() => this.#flush(), pauseMs / 5);
  }

  /** Call it for a new connection: sends the marks again, because the last ones may be lost. */
  restart(): void {
    for (const [id, marks] of this.#sent) {
      const waiting = this.#waiting.get(id);
      this.#waiting.set(id, {
        delivered: Math.max(marks.delivered, waiting?.delivered ?? 0),
        read: Math.max(marks.read, waiting?.read ?? 0),
      });
    }
    this.#sent.clear();
    this.#timer ??= setTimeout(() => this.#flush(), pauseMs / 5);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    this.#timer = undefined;
    for (const [conversationId, marks] of [...this.#waiting].slice(0, maxAtOnce)) {
      if (!this.#transmitMarks(conversationId, marks)) return;
      this.#waiting.delete(conversationId);
      this.#sent.set(conversationId, marks);
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#flush(), pauseMs);
  }

  /** `read` implies `delivered`. Returns false if there is no connection. */
  #transmitMarks(conversationId: Id, { delivered, read }: Marks): boolean {
    const { transmit } = this.#options;
    if (read > 0 && !transmit({ type: 'read', conversationId, seq: read })) return false;
    return delivered <= read || transmit({ type: 'delivered', conversationId, seq: delivered });
  }
}
