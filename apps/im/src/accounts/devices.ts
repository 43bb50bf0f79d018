import { allowPartial } from 'gatewayworker';
import { limits } from '../../shared/limits.ts';
import type { Device } from '../../shared/model.ts';
import { socketClose } from '../../shared/socket-message.ts';
import { AppError } from '../app-error.ts';
import { Batcher } from '../batcher.ts';
import type { Database, Write } from '../database/schema.ts';
import { deviceGroup, notify, type Push } from '../push.ts';
import { type Login, tokenLifetimeMs } from './token.ts';

/** Dependencies of `Devices`. */
export interface DevicesOptions {
  readonly db: Database;
  readonly push: Push;
}

/** The logins of users, one per device. */
export class Devices {
  readonly #options: DevicesOptions;
  /** Batched, because thousands of devices may connect at once after a restart. */
  readonly #uses: Batcher<string, undefined>;

  constructor(options: DevicesOptions) {
    this.#options = options;
    this.#uses = new Batcher<string, undefined>({
      run: (deviceIds) => this.#storeUses(deviceIds),
      delayMs: 100,
      maxBatch: 1000,
      maxWaiting: 100_000,
    });
  }

  async list({ userId, deviceId }: Login): Promise<Device[]> {
    const { db, push } = this.#options;
    const rows = await db
      .selectFrom('devices')
      .selectAll()
      .where('user_id', '=', userId)
      .orderBy('last_used_at', 'desc')
      .execute();
    const groups = rows.map(({ id }) => deviceGroup(id));
    const counts = await allowPartial(push.batchGetClientIdCountByGroup(groups));
    return rows.map(({ id, name, created_at, last_used_at }) => ({
      ...{ id, name, createdAt: created_at, lastUsedAt: last_used_at },
      online: (counts?.get(deviceGroup(id)) ?? 0) > 0,
      current: id === deviceId,
    }));
  }

  /** Stores the current time as the last use of a device. */
  async recordUse(deviceId: string): Promise<void> {
    await this.#uses.add(deviceId);
  }

  /** Returns the devices that are logged in. */
  async filterLoggedIn(deviceIds: readonly string[]): Promise<Set<string>> {
    const unique = [...new Set(deviceIds)];
    if (unique.length === 0) return new Set();
    const { db } = this.#options;
    const rows = await db.selectFrom('devices').select('id').where('id', 'in', unique).execute();
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Logs out one device of a user: its token becomes stale, its connections are closed.
   *
   * @throws {AppError} `device_unknown`
   */
  async logOut(userId: string, deviceId: string): Promise<void> {
    const removed = await this.#remove(userId, deviceId);
    if (removed === 0) throw new AppError('device_unknown', 'That device is not logged in.');
  }

  /** Logs out every device of a user. */
  async logOutEverywhere(userId: string): Promise<void> {
    await this.#remove(userId);
  }

  /**
   * Removes the expired devices of a user, and the least recently used one if the limit is reached.
   *
   * @returns the removed devices; close their connections after the commit
   */
  async evict(write: Write, userId: string): Promise<string[]> {
    const devices = await write
      .selectFrom('devices')
      .select(['id', 'last_used_at'])
      .where('user_id', '=', userId)
      .orderBy('last_used_at', 'desc')
      .execute();
    const validAfter = Date.now() - tokenLifetimeMs;
    const displaced = devices
      .filter(
        ({ last_used_at }, index) => last_used_at <= validAfter || index >= limits.devices - 1,
      )
      .map(({ id }) => id);
    if (displaced.length > 0)
      await write.deleteFrom('devices').where('id', 'in', displaced).execute();
    return displaced;
  }

  /** Closes the connections of logged-out devices. */
  closeConnections(deviceIds: readonly string[]): void {
    const { push } = this.#options;
    // A connection that is being admitted is in the group already, and `onConnect` checks its login again. If a gateway
    // cannot be reached, the workers close its connections later: see `login-monitor.ts`.
    for (const id of deviceIds) {
      push.closeGroup(deviceGroup(id), null, { code: socketClose.loggedOut, reason: 'logged out' });
    }
  }

  /** Resolves when all pending writes are stored. */
  async drain(): Promise<void> {
    await this.#uses.drain();
  }

  async #remove(userId: string, deviceId?: string): Promise<number> {
    const { db, push } = this.#options;
    const removed = await db.transaction().execute(async (write) => {
      const all = write.deleteFrom('devices').where('user_id', '=', userId).returning('id');
      return await (deviceId === undefined ? all : all.where('id', '=', deviceId)).execute();
    });
    this.closeConnections(removed.map(({ id }) => id));
    notify(push, [userId], { type: 'changed', what: 'devices' });
    return removed.length;
  }

  async #storeUses(deviceIds: readonly string[]): Promise<readonly undefined[]> {
    await this.#options.db.transaction().execute((write) =>
      write
        .updateTable('devices')
        .set({ last_used_at: Date.now() })
        .where('id', 'in', [...new Set(deviceIds)])
        .execute(),
    );
    return deviceIds.map(() => undefined);
  }
}
