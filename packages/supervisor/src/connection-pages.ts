import type { ConnectionStatus } from '@gatewayworker/core';
import type { ConnectionPage } from './child-messages.ts';

/** Lists of clients that the master is in the middle of reading. */
export class ConnectionPages {
  readonly #lists = new Map<number, Iterator<readonly ConnectionStatus[]>>();

  /**
   * Answers the next page of a list, made only now.
   *
   * @param request - names the list
   * @param open - makes the list, for its first page
   */
  next(request: number, open: () => Iterable<readonly ConnectionStatus[]>): ConnectionPage {
    const list = this.#lists.get(request) ?? open()[Symbol.iterator]();
    this.#lists.set(request, list);
    const result = list.next();
    if (result.done !== true) return { connections: result.value, isLast: false };
    this.#lists.delete(request);
    return { connections: [], isLast: true };
  }

  /** Gives up a list that nobody reads to its end. */
  forget(request: number): void {
    this.#lists.delete(request);
  }

  /** Gives up all lists: another master numbers its own anew. */
  forgetAll(): void {
    this.#lists.clear();
  }
}
