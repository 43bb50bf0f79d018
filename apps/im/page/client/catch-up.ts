import type { MessagesBody } from '../../shared/http-api.ts';
import type { Id } from '../../shared/model.ts';
import type { Action } from '../store/action.ts';
import type { State } from '../store/state.ts';
import type { Store } from '../store/store.ts';
import { type Api, ApiError } from './api.ts';

/** Dependencies of a catch-up. */
export interface CatchUpOptions {
  readonly api: Api;
  readonly store: Store<State, Action>;
  /** The user is no longer a member of the conversation. */
  readonly onUnknown: () => void;
  /** A request failed and must be repeated later. */
  readonly onFailed: () => void;
}

/** Wait before a gap is fetched, in milliseconds. */
const gapMs = 500;

/** With more missing messages, only the newest page is fetched; the rest is loaded by scrolling. */
const maxBehind = 300;
const pageSize = 100;

/** Fetches missing messages at the end of histories, one request per conversation at a time. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #running = new Set<Id>();
  readonly #gapTimers = new Map<Id, ReturnType<typeof setTimeout>>();
  /** The newest known `seq` of each conversation. */
  readonly #heads = new Map<Id, number>();
  #isStopped = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#gapTimers.values()) clearTimeout(timer);
  }

  /** Sets the newest known `seq` of a conversation, and fetches missing messages. */
  setHead(conversationId: Id, seq: number): void {
    this.#heads.set(conversationId, Math.max(seq, this.#heads.get(conversationId) ?? 0));
    if (this.#behind(conversationId) > 0) this.#run(conversationId);
  }

  /** Fetches the gap of a conversation, unless it closes by itself. */
  watchGap(conversationId: Id): void {
    if (this.#isStopped || this.#gapTimers.has(conversationId)) return;
    if (!this.#hasGap(conversationId)) return;
    const timer = setTimeout(() => {
      this.#gapTimers.delete(conversationId);
      if (this.#hasGap(conversationId)) this.#run(conversationId);
    }, gapMs);
    this.#gapTimers.set(conversationId, timer);
  }

  #behind(id: Id): number {
    const have = this.#options.store.get().chats.get(id)?.history.have;
    return have === undefined ? 0 : (this.#heads.get(id) ?? 0) - have;
  }

  #hasGap(id: Id): boolean {
    return (this.#options.store.get().chats.get(id)?.history.early.length ?? 0) > 0;
  }

  #run(id: Id): void {
    if (this.#isStopped || this.#running.has(id)) return;
    this.#running.add(id);
    this.#fetchAll(id)
      .catch((error: unknown) => {
        const isUnknown = error instanceof ApiError && error.code === 'conversation_unknown';
        if (isUnknown) this.#options.onUnknown();
        else this.#options.onFailed();
      })
      .finally(() => {
        this.#running.delete(id);
        this.watchGap(id);
      });
  }

  async #fetchAll(conversationId: Id): Promise<void> {
    const { api, store } = this.#options;
    const path = `/api/conversations/${conversationId}/messages`;
    if (this.#behind(conversationId) > maxBehind) {
      const newest = await api.get<MessagesBody>(`${path}?limit=${pageSize}`);
      const { messages, users } = newest;
      if (!this.#isStopped) store.dispatch({ type: 'newest', conversationId, messages, users });
    }
    let hasMore = true;
    while (hasMore && !this.#isStopped) {
      const have = store.get().chats.get(conversationId)?.history.have;
      if (have === undefined) return;
      const page = await api.get<MessagesBody>(`${path}?after=${have}&limit=${pageSize}`);
      const { messages, users } = page;
      if (!this.#isStopped) store.dispatch({ type: 'newer', conversationId, messages, users });
      hasMore = page.hasMore;
    }
  }
}
