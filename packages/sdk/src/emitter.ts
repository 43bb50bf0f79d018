/** Handlers of events by their name. */
export class Emitter<E extends Record<keyof E, unknown[]>> {
  readonly #handlers = new Map<keyof E, Set<(...args: never[]) => unknown>>();

  on<N extends keyof E>(name: N, handler: (...args: E[N]) => unknown): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /**
   * Calls every handler, and returns what they return; undefined if one has thrown. An exception is thrown again in a
   * microtask.
   */
  emit<N extends keyof E>(name: N, ...args: E[N]): unknown[] | undefined {
    let results: unknown[] | undefined = [];
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        const result = (handler as (...args: E[N]) => unknown)(...args);
        results?.push(result);
      } catch (error) {
        results = undefined;
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    return results;
  }
}
