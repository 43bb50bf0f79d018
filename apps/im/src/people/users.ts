import type { Relation, User } from '../../shared/model.ts';
import { AppError } from '../app-error.ts';
import type { Database, UserRow, Write } from '../database/schema.ts';

/** The public columns of a user. */
export const userColumns = ['id', 'name', 'nickname', 'avatar'] as const;

export function toUser({
  id,
  name,
  nickname,
  avatar,
}: Pick<UserRow, (typeof userColumns)[number]>): User {
  return { id, name, nickname, avatar };
}

/** Returns the users with these ids, in no particular order, without unknown ids. */
export async function findUsers(db: Database | Write, ids: Iterable<string>): Promise<User[]> {
  const unique = [...new Set(ids)];
  if (unique.length === 0) return [];
  const rows = await db.selectFrom('users').select(userColumns).where('id', 'in', unique).execute();
  return rows.map(toUser);
}

/** @throws {AppError} `user_unknown` */
export async function requireUser(db: Database | Write, id: string): Promise<User> {
  const [user] = await findUsers(db, [id]);
  if (user !== undefined) return user;
  throw new AppError('user_unknown', 'The user does not exist.');
}

/** Returns the relations of a user; a missing user has the relation `none`. */
export async function findRelations(db: Database, userId: string): Promise<Map<string, Relation>> {
  const relations = new Map<string, Relation>([[userId, 'self']]);
  const sent = await db
    .selectFrom('friend_requests')
    .select('to_id')
    .where('from_id', '=', userId)
    .execute();
  for (const { to_id } of sent) relations.set(to_id, 'requested');
  const received = await db
    .selectFrom('friend_requests')
    .select('from_id')
    .where('to_id', '=', userId)
    .execute();
  for (const { from_id } of received) relations.set(from_id, 'asking');
  for (const id of await findFriendIds(db, userId)) relations.set(id, 'friend');
  const blocked = await db
    .selectFrom('blocks')
    .select('blocked_id')
    .where('user_id', '=', userId)
    .execute();
  for (const { blocked_id } of blocked) relations.set(blocked_id, 'blocked');
  return relations;
}

export async function findFriendIds(db: Database | Write, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('friendships')
    .select('friend_id')
    .where('user_id', '=', userId)
    .execute();
  return rows.map(({ friend_id }) => friend_id);
}

/** Returns why `from` cannot write to `to`, by the key `from to`; pairs without a barrier are missing. */
export async function findBarriers(
  db: Database | Write,
  pairs: readonly Pair[],
): Promise<Map<string, Barrier>> {
  const barriers = new Map<string, Barrier>();
  if (pairs.length === 0) return barriers;
  const ids = [...new Set(pairs.flatMap(({ from, to }) => [from, to]))];
  const blocks = await db
    .selectFrom('blocks')
    .select(['user_id', 'blocked_id'])
    .where('user_id', 'in', ids)
    .where('blocked_id', 'in', ids)
    .execute();
  const blocked = new Set(blocks.map(({ user_id, blocked_id }) => `${user_id} ${blocked_id}`));
  const friendships = await db
    .selectFrom('friendships')
    .select(['user_id', 'friend_id'])
    .where('user_id', 'in', ids)
    .where('friend_id', 'in', ids)
    .execute();
  const friends = new Set(friendships.map(({ user_id, friend_id }) => `${user_id} ${friend_id}`));
  for (const { from, to } of pairs) {
    const key = `${from} ${to}`;
    if (blocked.has(`${to} ${from}`)) barriers.set(key, 'blocked');
    else if (blocked.has(key)) barriers.set(key, 'you_blocked');
    else if (!friends.has(key)) barriers.set(key, 'not_friends');
  }
  return barriers;
}

export interface Pair {
  readonly from: string;
  readonly to: string;
}

type Barrier = 'blocked' | 'you_blocked' | 'not_friends';

const barrierTexts: Readonly<Record<Barrier, string>> = {
  blocked: 'This user has blocked you.',
  you_blocked: 'You have blocked this user.',
  not_friends: 'You can only write to friends.',
};

/** Creates the error of a barrier. */
export function toBarrierError(barrier: Barrier): AppError {
  return new AppError(barrier, barrierTexts[barrier]);
}
