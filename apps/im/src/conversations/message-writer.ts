import { isRetryable } from '../../shared/error-code.ts';
import { type AppError, toAppError } from '../app-error.ts';
import { Batcher } from '../batcher.ts';
import type { Database } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { type Push, tell } from '../push.ts';
import { type Draft, type Stored, storeMessages } from './store-messages.ts';

/** What a message writer works with. */
export interface MessageWriterOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly push: Push;
}

/** Stores messages, many in one transaction, and delivers them once they are stored. */
export class MessageWriter {
  readonly #options: MessageWriterOptions;
  readonly #batches: Batcher<Draft, Stored>;

  constructor(options: MessageWriterOptions) {
    this.#options = options;
    this.#batches = new Batcher<Draft, Stored>({
      run: (drafts) => this.#run(drafts),
      // While a batch is stored the next one gathers: so the delay counts for the first one only.
      delayMs: 2,
      maxBatch: 200,
      maxWaiting: 5000,
    });
  }

  /**
   * Stores a message and delivers it to every device of every member.
   *
   * What is sent again is stored once and delivered again, because whoever stored it may have died before it
   * could deliver; pages pass over what they have.
   *
   * @throws {AppError} when it may not be sent or cannot be stored: then nothing is
   */
  async send(draft: Draft): Promise<Stored> {
    return await this.#batches.add(draft);
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.#batches.drain();
  }

  async #run(drafts: readonly Draft[]): Promise<(Stored | AppError)[]> {
    const outcomes = await this.#store(drafts).catch(async (error: unknown) => {
      const failed = toAppError(error);
      if (isRetryable(failed.code) || drafts.length === 1) return drafts.map(() => failed);
      // Something in one of them breaks the whole batch: the others are stored without it.
      const single: (Stored | AppError)[] = [];
      for (const draft of drafts) {
        single.push(...(await this.#store([draft]).catch((cause: unknown) => [toAppError(cause)])));
      }
      return single;
    });
    deliver(
      this.#options.push,
      outcomes.filter((outcome) => 'message' in outcome && 'sender' in outcome),
    );
    return outcomes;
  }

  async #store(drafts: readonly Draft[]): Promise<(Stored | AppError)[]> {
    const { db, ids } = this.#options;
    return await transact(db, (write) => storeMessages(write, ids, drafts));
  }
}

/** Delivers messages that are stored; only then, so that nobody sees one that is not there in the end. */
export function deliver(push: Push, stored: readonly Stored[]): void {
  for (const { message, sender, memberIds } of stored) {
    tell(push, memberIds, { type: 'message', message, sender });
  }
}
