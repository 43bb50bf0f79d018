import { allowPartial } from 'gatewayworker';
import { limits } from '../../shared/limits.ts';
import type { Device } from '../../shared/model.ts';
import { socketClose } from '../../shared/socket-message.ts';
import { AppError } from '../app-error.ts';
import { Batcher } from '../batcher.ts';
import type { Database, Write } from '../database/schema.ts';
import { deviceGroup, type Push, tell } from '../push.ts';
import { type Login, tokenLifetimeMs } from './token.ts';

/** What devices work with. */
export interface DevicesOptions {
  readonly db: Database;
  readonly push: Push;
}

/** The places where people are logged in. */
export class Devices {
  readonly #options: DevicesOptions;
  /** Thousands may connect at once, after a restart: their times are stored together. */
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

  /** Notes that a device has come. */
  async noteUse(deviceId: string): Promise<void> {
    await this.#uses.add(deviceId);
  }

  /** Those of these devices that are still logged in. */
  async stillLoggedIn(deviceIds: readonly string[]): Promise<Set<string>> {
    const unique = [...new Set(deviceIds)];
    if (unique.length === 0) return new Set();
    const { db } = this.#options;
    const rows = await db.selectFrom('devices').select('id').where('id', 'in', unique).execute();
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Logs out one device of a person: its token is stale, its connections are closed.
   *
   * @throws {AppError} `device_unknown`
   */
  async logOut(userId: string, deviceId: string): Promise<void> {
    const removed = await this.#remove(userId, deviceId);
    if (removed === 0) throw new AppError('device_unknown', 'That device is not logged in.');
  }

  /** Logs out every device of a person. */
  async logOutEverywhere(userId: string): Promise<void> {
    await this.#remove(userId);
  }

  /**
   * Removes devices of a person whose time is over, and the one unused for longest if there is no room for another.
   *
   * @returns those whose connections are to be ended, once this is stored
   */
  async makeRoom(write: Write, userId: string): Promise<string[]> {
    const devices = await write
      .selectFrom('devices')
      .select(['id', 'last_used_at'])
      .where('user_id', '=', userId)
      .orderBy('last_used_at', 'desc')
      .execute();
    const goodAfter = Date.now() - tokenLifetimeMs;
    const displaced = devices
      .filter(({ last_used_at }, index) => last_used_at <= goodAfter || index >= limits.devices - 1)
      .map(({ id }) => id);
    if (displaced.length > 0)
      await write.deleteFrom('devices').where('id', 'in', displaced).execute();
    return displaced;
  }

  /** Ends the connections of devices that were logged out. */
  endConnections(deviceIds: readonly string[]): void {
    const { push } = this.#options;
    // Who is let in meanwhile is in this group already, and looks once more whether it is still logged in. Where a
    // gateway cannot be reached now, the workers end them: see `login-watch.ts`.
    for (const id of deviceIds) {
      push.closeGroup(deviceGroup(id), null, { code: socketClose.loggedOut, reason: 'logged out' });
    }
  }

  /** Resolves when everything is stored. */
  async drain(): Promise<void> {
    await this.#uses.drain();
  }

  async #remove(userId: string, deviceId?: string): Promise<number> {
    const { db, push } = this.#options;
    const removed = await db.transaction().execute(async (write) => {
      const all = write.deleteFrom('devices').where('user_id', '=', userId).returning('id');
      return await (deviceId === undefined ? all : all.where('id', '=', deviceId)).execute();
    });
    this.endConnections(removed.map(({ id }) => id));
    tell(push, [userId], { type: 'changed', what: 'devices' });
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
