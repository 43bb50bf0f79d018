import { setTimeout as sleep } from 'node:timers/promises';
import { allowPartial, GatewayWorkerError } from 'gatewayworker';
import { Batcher } from '../batcher.ts';
import type { Database } from '../database/schema.ts';
import { type Push, tell } from '../push.ts';

/** How long somebody may be away, to load the page anew, before they count as gone, in milliseconds. */
const graceMs = 2000;

/** How often the gateways are asked, when one of them does not answer. */
const attempts = 4;

/** What presence works with. */
export interface PresenceOptions {
  readonly db: Database;
  readonly push: Push;
  /** Aborted when the process is to end. */
  readonly signal: AbortSignal;
}

/**
 * Tells friends who comes and goes. Who is online is the cluster's own knowledge and kept nowhere else: so it is right
 * after a process has died.
 */
export class PresenceTracker {
  readonly #options: PresenceOptions;
  /** A gateway that dies takes thousands along at once: they are looked up together. */
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

  /** A device of somebody has come. */
  async came(userId: string): Promise<void> {
    await this.#changes.add(userId);
  }

  /** A device of somebody has gone; after a moment it is seen whether it was the last one. */
  async went(userId: string): Promise<void> {
    // When the process is to end, the moment is over: nobody else would tell.
    await this.#sleep(graceMs);
    await this.#changes.add(userId);
  }

  /** Resolves when everything is told. */
  async drain(): Promise<void> {
    await this.#changes.drain();
  }

  /** Waits, but not longer than until the process is to end. */
  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#options;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  async #run(userIds: readonly string[]): Promise<void> {
    const told = await this.#tell(userIds, await this.#online(userIds));
    // Another process may have told the opposite at the same time, on older knowledge. Whoever looks last, after
    // telling, is right; so nobody stays offline who is there.
    const now = await this.#online(userIds);
    const wrong = userIds.filter((id) => now.get(id) !== told.get(id));
    if (wrong.length > 0) await this.#tell(wrong, now);
  }

  /** Who is connected; a gateway that does not answer gets some more time, before it counts as gone. */
  async #online(userIds: readonly string[]): Promise<Map<string, boolean>> {
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

  async #tell(
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
    if (gone.length > 0) await this.#noteLastSeen(gone, now);
    const friendIds = new Map<string, string[]>(userIds.map((id) => [id, []]));
    for (const { user_id, friend_id } of friends) friendIds.get(user_id)?.push(friend_id);
    for (const [userId, told] of friendIds) {
      const isOnline = online.get(userId);
      if (isOnline === undefined) continue;
      const lastSeenAt = isOnline ? null : now;
      tell(push, told, { type: 'presence', userId, online: isOnline, lastSeenAt });
    }
    return online;
  }

  async #noteLastSeen(userIds: readonly string[], time: number): Promise<void> {
    await this.#options.db
      .transaction()
      .execute((write) =>
        write.updateTable('users').set({ last_seen_at: time }).where('id', 'in', userIds).execute(),
      );
  }
}
