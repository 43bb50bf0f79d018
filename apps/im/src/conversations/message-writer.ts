import { isRetryable } from '../../shared/error-code.ts';
import { type AppError, toAppError } from '../app-error.ts';
import { Batcher } from '../batcher.ts';
import type { Database } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { notify, type Push } from '../push.ts';
import { type Draft, type Stored, storeMessages } from './store-messages.ts';

/** Dependencies of `MessageWriter`. */
export interface MessageWriterOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly push: Push;
}

/** Stores messages in batches, one transaction each, and delivers them after the commit. */
export class MessageWriter {
  readonly #options: MessageWriterOptions;
  readonly #batches: Batcher<Draft, Stored>;

  constructor(options: MessageWriterOptions) {
    this.#options = options;
    this.#batches = new Batcher<Draft, Stored>({
      run: (drafts) => this.#run(drafts),
      // The next batch collects while one is stored, so only the first batch waits for the delay.
      delayMs: 2,
      maxBatch: 200,
      maxWaiting: 5000,
    });
  }

  /**
   * Stores a message and delivers it to every device of every member.
   *
   * A message that is sent again is stored once but delivered again, because the process that stored it may have died
   * before the delivery. Clients ignore messages that they have.
   *
   * @throws {AppError} when it is refused or cannot be stored; then nothing is stored
   */
  async send(draft: Draft): Promise<Stored> {
    return await this.#batches.add(draft);
  }

  /** Resolves when no message is waiting. */
  async drain(): Promise<void> {
    await this.#batches.drain();
  }

  async #run(drafts: readonly Draft[]): Promise<(Stored | AppError)[]> {
    const outcomes = await this.#store(drafts).catch(async (error: unknown) => {
      const failed = toAppError(error);
      if (isRetryable(failed.code) || drafts.length === 1) return drafts.map(() => failed);
      // One message makes the whole batch fail: store each in its own transaction.
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

/** Delivers stored messages. Call it after the commit, so that no client sees a message that is rolled back. */
export function deliver(push: Push, stored: readonly Stored[]): void {
  for (const { message, sender, memberIds } of stored) {
    notify(push, memberIds, { type: 'message', message, sender });
  }
}
