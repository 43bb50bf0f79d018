import { setTimeout as sleep } from 'node:timers/promises';
import { allowPartial, GatewayWorkerError } from 'gatewayworker';
import { Batcher } from '../batcher.ts';
import type { Database } from '../database/schema.ts';
import { notify, type Push } from '../push.ts';

/** Delay before a disconnected user counts as offline, so that a page reload is not visible, in milliseconds. */
const graceMs = 2000;

/** Maximum number of queries if a gateway does not answer. */
const attempts = 4;

/** Dependencies of `PresenceTracker`. */
export interface PresenceOptions {
  readonly db: Database;
  readonly push: Push;
  /** Aborted when the process is about to end. */
  readonly signal: AbortSignal;
}

/**
 * Notifies friends when a user goes online or offline. The cluster is the only source of who is online, so the state is
 * correct after the crash of any process.
 */
export class PresenceTracker {
  readonly #options: PresenceOptions;
  /** Batched, because the crash of a gateway disconnects thousands of users at once. */
  readonly #changes: Batcher<string, undefined>;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#changes = new Batcher<string, undefined>({
      run: (userIds) => this.#run([...new Set(userIds)]).then(() => userIds.map(() => undefined)),
      delayMs: 50,
      maxBatch: 1000,
      maxWaiting: 100_000,
    });
  }

  /** A device of a user has connected. */
  async connected(userId: string): Promise<void> {
    await this.#changes.add(userId);
  }

  /** A device of a user has disconnected; checks after a delay whether it was the last one. */
  async disconnected(userId: string): Promise<void> {
    // Shortened when the process is about to end, because no other process would send the notification.
    await this.#sleep(graceMs);
    await this.#changes.add(userId);
  }

  /** Resolves when all notifications are sent. */
  async drain(): Promise<void> {
    await this.#changes.drain();
  }

  /** Waits until the time has passed or the process is about to end. */
  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#options;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  async #run(userIds: readonly string[]): Promise<void> {
    const announced = await this.#announce(userIds, await this.#findOnline(userIds));
    // Another process may have announced an older state at the same time. Each process queries again after its
    // announcement, and the last one corrects a wrong state.
    const now = await this.#findOnline(userIds);
    const wrong = userIds.filter((id) => now.get(id) !== announced.get(id));
    if (wrong.length > 0) await this.#announce(wrong, now);
  }

  /** Returns who is connected. Retries if a gateway does not answer, before it counts as dead. */
  async #findOnline(userIds: readonly string[]): Promise<Map<string, boolean>> {
    const { push } = this.#options;
    for (let attempt = 1; attempt < attempts; attempt += 1) {
      try {
        return await push.isUidsOnline(userIds);
      } catch (error) {
        if (!(error instanceof GatewayWorkerError && error.retryable)) throw error;
        await this.#sleep(500);
      }
    }
    return (await allowPartial(push.isUidsOnline(userIds))) ?? new Map();
  }

  async #announce(
    userIds: readonly string[],
    online: Map<string, boolean>,
  ): Promise<Map<string, boolean>> {
    const { db, push } = this.#options;
    const now = Date.now();
    const gone = userIds.filter((id) => online.get(id) === false);
    const friends = await db
      .selectFrom('friendships')
      .select(['user_id', 'friend_id'])
      .where('user_id', 'in', userIds)
      .execute();
    if (gone.length > 0) await this.#storeLastSeen(gone, now);
    const friendIds = new Map<string, string[]>(userIds.map((id) => [id, []]));
    for (const { user_id, friend_id } of friends) friendIds.get(user_id)?.push(friend_id);
    for (const [userId, receivers] of friendIds) {
      const isOnline = online.get(userId);
      if (isOnline === undefined) continue;
      const lastSeenAt = isOnline ? null : now;
      notify(push, receivers, { type: 'presence', userId, online: isOnline, lastSeenAt });
    }
    return online;
  }

  async #storeLastSeen(userIds: readonly string[], time: number): Promise<void> {
    await this.#options.db
      .transaction()
      .execute((write) =>
        write.updateTable('users').set({ last_seen_at: time }).where('id', 'in', userIds).execute(),
      );
  }
}
