import { allowPartial } from 'gatewayworker';
import { sql } from 'kysely';
import { limits } from '../../shared/limits.ts';
import type { FoundUser, Friend, FriendRequest, Relations, User } from '../../shared/model.ts';
import { toLine } from '../../shared/text.ts';
import { toNameKey, toPhone } from '../accounts/credentials.ts';
import { AppError, invalid } from '../app-error.ts';
import { lockDirect, openDirect } from '../conversations/direct.ts';
import type { Database, Write } from '../database/schema.ts';
import { lockUsers } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { notify, type Push } from '../push.ts';
import {
  findBarriers,
  findRelations,
  requireUser,
  toBarrierError,
  toUser,
  userColumns,
} from './users.ts';

/** Dependencies of `People`. */
export interface PeopleOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly push: Push;
}

/** Result of a friend request. */
export type RequestOutcome =
  | { readonly request: FriendRequest }
  /** The other user had sent a request before. */
  | { readonly friend: Friend };

/** Search, friend requests, friends and blocks. */
export class People {
  readonly #options: PeopleOptions;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** @throws {AppError} `invalid` when the query is too short */
  async search(userId: string, query: string): Promise<FoundUser[]> {
    const { db } = this.#options;
    // toLine removes control characters; PostgreSQL rejects NUL.
    const words = toLine(query);
    const key = toNameKey(words).slice(0, 64);
    if (key.length < 2) throw invalid("'query' must have 2 characters or more.");
    const pattern = `${key.replace(/[\\%_]/g, '\\$&')}%`;
    const rows = await db
      .selectFrom('users')
      .select(userColumns)
      .where(({ eb, or }) =>
        or([
          sql<boolean>`name_key like ${pattern} escape '\\'`,
          sql<boolean>`nickname_key like ${pattern} escape '\\'`,
          eb('phone', '=', toPhone(words) ?? null),
        ]),
      )
      .orderBy('name_key')
      .limit(20)
      .execute();
    const relations = await findRelations(db, userId);
    return rows.map((row) => ({ ...toUser(row), relation: relations.get(row.id) ?? 'none' }));
  }

  /** Returns the friends, friend requests and blocks of a user. */
  async relations(userId: string): Promise<Relations> {
    const { db } = this.#options;
    const received = await requests(db, 'from_id', userId);
    const sent = await requests(db, 'to_id', userId);
    const blocked = await db
      .selectFrom('blocks')
      .innerJoin('users', 'users.id', 'blocks.blocked_id')
      .select(userColumns)
      .where('blocks.user_id', '=', userId)
      .execute();
    const friends = await this.#friends(userId);
    return { friends, received, sent, blocked: blocked.map(toUser) };
  }

  /**
   * Sends a friend request, or accepts the request of the other user.
   *
   * @throws {AppError} `invalid`, `user_unknown`, `blocked`, `you_blocked`, `already_friends`, `already_requested`,
   *   `limit_reached`
   */
  async request(userId: string, otherId: string): Promise<RequestOutcome> {
    const { db, push } = this.#options;
    if (userId === otherId) throw invalid('You cannot send a friend request to yourself.');
    const outcome = await db.transaction().execute(async (write) => {
      await lockUsers(write, [userId, otherId]);
      const user = await requireUser(write, otherId);
      await requireStranger(write, userId, otherId);
      const hadRequest = await removeRequest(write, otherId, userId);
      if (hadRequest) {
        await this.#befriend(write, userId, otherId);
        return undefined;
      }
      return { request: await addRequest(write, userId, user) };
    });
    notify(push, [userId, otherId], { type: 'changed', what: 'friends' });
    if (outcome !== undefined) return outcome;
    notify(push, [userId, otherId], { type: 'changed', what: 'conversations' });
    return { friend: await this.#friend(userId, otherId) };
  }

  /** @throws {AppError} `request_unknown`, `limit_reached` */
  async accept(userId: string, otherId: string): Promise<Friend> {
    const { db, push } = this.#options;
    await db.transaction().execute(async (write) => {
      await lockUsers(write, [userId, otherId]);
      if (!(await removeRequest(write, otherId, userId))) throw unknownRequest();
      await this.#befriend(write, userId, otherId);
    });
    notify(push, [userId, otherId], { type: 'changed', what: 'friends' });
    notify(push, [userId, otherId], { type: 'changed', what: 'conversations' });
    return await this.#friend(userId, otherId);
  }

  /**
   * Removes a request: declined by its receiver, or withdrawn by its sender.
   *
   * @throws {AppError} `request_unknown`
   */
  async endRequest(fromId: string, toId: string): Promise<void> {
    const { db, push } = this.#options;
    const ended = await db.transaction().execute((write) => removeRequest(write, fromId, toId));
    if (!ended) throw unknownRequest();
    notify(push, [fromId, toId], { type: 'changed', what: 'friends' });
  }

  /** @throws {AppError} `not_friends` */
  async unfriend(userId: string, otherId: string): Promise<void> {
    const { db } = this.#options;
    const ended = await db.transaction().execute(async (write) => {
      await lockUsers(write, [userId, otherId]);
      await lockDirect(write, [userId, otherId]);
      return await endFriendship(write, userId, otherId);
    });
    if (!ended) throw new AppError('not_friends', 'You are not friends.');
    this.#notifyBoth(userId, otherId);
  }

  /** @throws {AppError} `invalid`, `user_unknown` */
  async block(userId: string, otherId: string): Promise<void> {
    if (userId === otherId) throw invalid('You cannot block yourself.');
    await this.#options.db.transaction().execute(async (write) => {
      await lockUsers(write, [userId, otherId]);
      await requireUser(write, otherId);
      await lockDirect(write, [userId, otherId]);
      await write
        .insertInto('blocks')
        .values({ user_id: userId, blocked_id: otherId, blocked_at: Date.now() })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await endFriendship(write, userId, otherId);
      await removeRequest(write, userId, otherId);
      await removeRequest(write, otherId, userId);
    });
    this.#notifyBoth(userId, otherId);
  }

  /** Removes a block. The friendship is not restored. */
  async unblock(userId: string, otherId: string): Promise<void> {
    await this.#options.db
      .transaction()
      .execute((write) =>
        write
          .deleteFrom('blocks')
          .where('user_id', '=', userId)
          .where('blocked_id', '=', otherId)
          .execute(),
      );
    this.#notifyBoth(userId, otherId);
  }

  /** Also notifies about conversations, because the barrier of a direct conversation may have changed. */
  #notifyBoth(userId: string, otherId: string): void {
    const { push } = this.#options;
    notify(push, [userId, otherId], { type: 'changed', what: 'friends' });
    notify(push, [userId, otherId], { type: 'changed', what: 'conversations' });
  }

  /** @throws {AppError} `limit_reached` */
  async #befriend(write: Write, userId: string, otherId: string): Promise<void> {
    const { ids } = this.#options;
    for (const id of [userId, otherId]) await requireRoomForFriend(write, id);
    const conversationId = await openDirect(write, ids, [userId, otherId]);
    const pair = { conversation_id: conversationId, since: Date.now() };
    await write
      .insertInto('friendships')
      .values([
        { user_id: userId, friend_id: otherId, ...pair },
        { user_id: otherId, friend_id: userId, ...pair },
      ])
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async #friend(userId: string, otherId: string): Promise<Friend> {
    const [friend] = await this.#friends(userId, otherId);
    if (friend !== undefined) return friend;
    throw new AppError('not_friends', 'You are no longer friends.');
  }

  async #friends(userId: string, otherId?: string): Promise<Friend[]> {
    const { db, push } = this.#options;
    const all = db
      .selectFrom('friendships')
      .innerJoin('users', 'users.id', 'friendships.friend_id')
      .select([...userColumns, 'last_seen_at', 'conversation_id'])
      .where('user_id', '=', userId);
    const rows = await (otherId === undefined
      ? all
      : all.where('friend_id', '=', otherId)
    ).execute();
    const online = await allowPartial(push.isUidsOnline(rows.map(({ id }) => id)));
    return rows.map((row) => {
      const isOnline = online?.get(row.id) ?? false;
      return {
        ...toUser(row),
        online: isOnline,
        lastSeenAt: isOnline ? null : row.last_seen_at,
        conversationId: row.conversation_id,
      };
    });
  }
}

/** Requests of a user; `other` is the column of the other user: `from_id` for received, `to_id` for sent requests. */
async function requests(
  db: Database,
  other: 'from_id' | 'to_id',
  userId: string,
): Promise<FriendRequest[]> {
  const rows = await db
    .selectFrom('friend_requests')
    .innerJoin('users', 'users.id', `friend_requests.${other}`)
    .select([...userColumns, 'requested_at'])
    .where(other === 'from_id' ? 'to_id' : 'from_id', '=', userId)
    .orderBy('requested_at', 'desc')
    .limit(500)
    .execute();
  return rows.map((row) => ({ user: toUser(row), requestedAt: row.requested_at }));
}

/** @throws {AppError} when the users are friends, or one has blocked the other */
async function requireStranger(write: Write, userId: string, otherId: string): Promise<void> {
  const barriers = await findBarriers(write, [{ from: userId, to: otherId }]);
  const barrier = barriers.get(`${userId} ${otherId}`);
  if (barrier === undefined) throw new AppError('already_friends', 'You are already friends.');
  if (barrier !== 'not_friends') throw toBarrierError(barrier);
}

/** @throws {AppError} `already_requested`, `limit_reached` */
async function addRequest(write: Write, userId: string, user: User): Promise<FriendRequest> {
  const sent = await write
    .selectFrom('friend_requests')
    .select('to_id')
    .where('from_id', '=', userId)
    .execute();
  if (sent.some(({ to_id }) => to_id === user.id)) {
    throw new AppError('already_requested', 'You have already sent a request.');
  }
  if (sent.length >= limits.sentRequests) {
    const message = `You have ${limits.sentRequests} unanswered requests, which is the maximum.`;
    throw new AppError('limit_reached', message);
  }
  const requestedAt = Date.now();
  await write
    .insertInto('friend_requests')
    .values({ from_id: userId, to_id: user.id, requested_at: requestedAt })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return { user, requestedAt };
}

async function removeRequest(write: Write, fromId: string, toId: string): Promise<boolean> {
  const { numDeletedRows } = await write
    .deleteFrom('friend_requests')
    .where('from_id', '=', fromId)
    .where('to_id', '=', toId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

async function endFriendship(write: Write, userId: string, otherId: string): Promise<boolean> {
  const { numDeletedRows } = await write
    .deleteFrom('friendships')
    .where('user_id', 'in', [userId, otherId])
    .where('friend_id', 'in', [userId, otherId])
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** @throws {AppError} `limit_reached` */
async function requireRoomForFriend(write: Write, userId: string): Promise<void> {
  const { count } = await write
    .selectFrom('friendships')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();
  if (count < limits.friends) return;
  throw new AppError('limit_reached', `A user can have ${limits.friends} friends.`);
}

function unknownRequest(): AppError {
  return new AppError('request_unknown', 'The request no longer exists.');
}
