import { busy } from './app-error.ts';

/** Options of a batcher. */
export interface BatcherOptions<Item, Result> {
  /** Handles a batch; returns a result or an error for each item, in order. An exception fails all items. */
  readonly run: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>;
  /** How long the first item waits for more items, in milliseconds. */
  readonly delayMs: number;
  /** Maximum number of items in one batch. */
  readonly maxBatch: number;
  /** Maximum number of waiting items; beyond it `add` rejects with `busy`. */
  readonly maxWaiting: number;
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects items for a short time, or while the previous batch is handled, and handles them in order as one batch. */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  #waiting: Entry<Item, Result>[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /**
   * Resolves with the result of the item after its batch was handled.
   *
   * @throws {AppError} `busy` when too many items wait
   */
  add(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(busy('Too many writes are waiting.'));
    }
    const result = new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
    });
    this.#running ??= this.#run();
    return result;
  }

  /** Resolves when no item is waiting. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { delayMs, maxBatch } = this.#options;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    while (this.#waiting.length > 0) await this.#handle(this.#waiting.splice(0, maxBatch));
    this.#running = undefined;
  }

  async #handle(entries: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(entries.map(({ item }) => item));
      for (const [index, { resolve, reject }] of entries.entries()) {
        const result = results[index];
        if (result instanceof Error) reject(result);
        else if (index < results.length) resolve(result as Result);
        else reject(new Error('the batch has no result for this item'));
      }
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }
}
