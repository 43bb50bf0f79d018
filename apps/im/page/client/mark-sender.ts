import type { Id } from '../../shared/model.ts';
import type { ClientMessage } from '../../shared/socket-message.ts';

/** What a mark sender works with. */
export interface MarkSenderOptions {
  /** Answers false when there is no connection. */
  readonly say: (message: ClientMessage) => boolean;
}

interface Marks {
  delivered: number;
  read: number;
}

/** How often marks are said, and of how many conversations at a time: well below what the server takes. */
const pauseMs = 250;
const maxAtOnce = 4;

/** Says how far this device has got, the newest mark of each conversation alone. */
export class MarkSender {
  readonly #options: MarkSenderOptions;
  readonly #said = new Map<Id, Marks>();
  readonly #waiting = new Map<Id, Marks>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: MarkSenderOptions) {
    this.#options = options;
  }

  /** Everything up to `seq` is here, or was read. */
  note(conversationId: Id, kind: keyof Marks, seq: number): void {
    const said = this.#said.get(conversationId) ?? { delivered: 0, read: 0 };
    const known = kind === 'read' ? said.read : Math.max(said.delivered, said.read);
    if (seq <= known) return;
    const waiting = this.#waiting.get(conversationId) ?? { delivered: 0, read: 0 };
    waiting[kind] = Math.max(waiting[kind], seq);
    this.#waiting.set(conversationId, waiting);
    // The first one goes soon, the next ones together.
    this.#timer ??= setTimeout(() => this.#flush(), pauseMs / 5);
  }

  /** A new connection: what the last one has not taken is said again. */
  restart(): void {
    for (const [id, marks] of this.#said) {
      const waiting = this.#waiting.get(id);
      this.#waiting.set(id, {
        delivered: Math.max(marks.delivered, waiting?.delivered ?? 0),
        read: Math.max(marks.read, waiting?.read ?? 0),
      });
    }
    this.#said.clear();
    this.#timer ??= setTimeout(() => this.#flush(), pauseMs / 5);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    this.#timer = undefined;
    for (const [conversationId, marks] of [...this.#waiting].slice(0, maxAtOnce)) {
      if (!this.#sayMarks(conversationId, marks)) return;
      this.#waiting.delete(conversationId);
      this.#said.set(conversationId, marks);
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#flush(), pauseMs);
  }

  /** Read implies delivered. Answers false when there is no connection. */
  #sayMarks(conversationId: Id, { delivered, read }: Marks): boolean {
    const { say } = this.#options;
    if (read > 0 && !say({ type: 'read', conversationId, seq: read })) return false;
    return delivered <= read || say({ type: 'delivered', conversationId, seq: delivered });
  }
}
