import { limits } from '../../shared/limits.ts';
import type { Notice } from '../../shared/model.ts';
import { AppError, invalid } from '../app-error.ts';
import type { Database, MemberRow, Write } from '../database/schema.ts';
import { lockConversations, transact } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { findFriendIds } from '../people/users.ts';
import { notify, type Push } from '../push.ts';
import { deliver } from './message-writer.ts';
import { type Stored, storeMessages, unknownConversation } from './store-messages.ts';

/** Dependencies of `Groups`. */
export interface GroupsOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly push: Push;
}

/** A group that is locked for the transaction. */
export interface LockedGroup {
  readonly id: string;
  readonly name: string;
  readonly lastSeq: number;
  readonly members: readonly MemberRow[];
}

/** Groups and their members. Each change is stored with a notice in the history, in one transaction. */
export class Groups {
  readonly #options: GroupsOptions;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  /**
   * Creates a group of a user and some friends; returns its id.
   *
   * @throws {AppError} `not_friends`, `group_full`, `limit_reached`
   */
  async create(userId: string, name: string, userIds: readonly string[]): Promise<string> {
    const others = userIds.filter((id) => id !== userId);
    const id = this.#options.ids.next();
    await this.#change([userId, ...others], async (write) => {
      await requireFriends(write, userId, others);
      const now = Date.now();
      await write
        .insertInto('conversations')
        .values({ id, kind: 'group', name, direct_key: null, last_seq: 0, created_at: now })
        .execute();
      // The first member becomes the owner.
      await addMembers(write, { id, name, lastSeq: 0, members: [] }, [userId, ...others]);
      const notices: Notice[] = [{ event: 'created', name }];
      if (others.length > 0) notices.push({ event: 'added', userIds: others });
      return await this.#post(write, { id, senderId: userId }, notices);
    });
    return id;
  }

  /** @throws {AppError} `conversation_unknown`, `not_owner` */
  async rename(userId: string, groupId: string, name: string): Promise<void> {
    await this.#change([], async (write) => {
      const group = await lockGroup(write, groupId, userId);
      requireOwner(group, userId);
      await write.updateTable('conversations').set({ name }).where('id', '=', groupId).execute();
      return await this.#post(write, { id: groupId, senderId: userId }, [
        { event: 'renamed', name },
      ]);
    });
  }

  /** @throws {AppError} `conversation_unknown`, `not_friends`, `already_member`, `group_full`, `limit_reached` */
  async add(userId: string, groupId: string, userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) throw invalid("'userIds' is empty.");
    await this.#change(userIds, async (write) => {
      const group = await lockGroup(write, groupId, userId);
      await requireFriends(write, userId, userIds);
      await addMembers(write, group, userIds);
      return await this.#post(write, { id: groupId, senderId: userId }, [
        { event: 'added', userIds },
      ]);
    });
  }

  /**
   * Removes a member, and deletes the invitations that the member created.
   *
   * @throws {AppError} `conversation_unknown`, `not_owner`, `user_unknown`, `invalid` when `otherId` is the user
   */
  async remove(userId: string, groupId: string, otherId: string): Promise<void> {
    if (userId === otherId) throw invalid('You cannot remove yourself. Leave the group instead.');
    await this.#change([otherId], async (write) => {
      const group = await lockGroup(write, groupId, userId);
      requireOwner(group, userId);
      if (!group.members.some(({ user_id }) => user_id === otherId)) {
        throw new AppError('user_unknown', 'The user is not in the group.');
      }
      await removeMember(write, groupId, otherId);
      await write
        .deleteFrom('invitations')
        .where('conversation_id', '=', groupId)
        .where('created_by', '=', otherId)
        .execute();
      const notice: Notice = { event: 'removed', userIds: [otherId] };
      return await this.#post(write, { id: groupId, senderId: userId }, [notice]);
    });
  }

  /**
   * Leaves a group. If the owner leaves, the longest member becomes the owner.
   *
   * @throws {AppError} `conversation_unknown`
   */
  async leave(userId: string, groupId: string): Promise<void> {
    await this.#change([userId], async (write) => {
      const group = await lockGroup(write, groupId, userId);
      await removeMember(write, groupId, userId);
      const [successor] = group.members.filter(({ user_id }) => user_id !== userId);
      if (successor !== undefined && isOwner(group, userId)) {
        await write
          .updateTable('members')
          .set({ role: 'owner' })
          .where('conversation_id', '=', groupId)
          .where('user_id', '=', successor.user_id)
          .execute();
      }
      return await this.#post(write, { id: groupId, senderId: userId }, [{ event: 'left' }]);
    });
  }

  /**
   * Adds a user who has an invitation; returns the id of the group.
   *
   * @param find - returns the group of the invitation, within the transaction
   * @throws {AppError} `already_member`, `group_full`, `limit_reached`, and what `find` throws
   */
  async join(userId: string, find: (write: Write) => Promise<string>): Promise<string> {
    let groupId = '';
    await this.#change([userId], async (write) => {
      groupId = await find(write);
      const group = await lockGroup(write, groupId);
      await addMembers(write, group, [userId]);
      return await this.#post(write, { id: groupId, senderId: userId }, [{ event: 'joined' }]);
    });
    return groupId;
  }

  /** Runs a transaction, then notifies the members of the group and these users. */
  async #change(
    userIds: readonly string[],
    work: (write: Write) => Promise<Stored[]>,
  ): Promise<void> {
    const { db, push } = this.#options;
    const stored = await transact(db, work);
    const notified = new Set([...userIds, ...stored.flatMap(({ memberIds }) => memberIds)]);
    notify(push, [...notified], { type: 'changed', what: 'conversations' });
    deliver(push, stored);
  }

  async #post(
    write: Write,
    { id, senderId }: { readonly id: string; readonly senderId: string },
    notices: readonly Notice[],
  ): Promise<Stored[]> {
    const drafts = notices.map((notice) => ({
      ...{ conversationId: id, senderId, clientId: null },
      content: { kind: 'notice' as const, notice },
    }));
    return (await storeMessages(write, this.#options.ids, drafts)).map((outcome) => {
      if (outcome instanceof AppError) throw outcome;
      return outcome;
    });
  }
}

/**
 * Reads and locks a group; its members are in the order in which they joined.
 *
 * @param memberId - a user who must be a member
 * @throws {AppError} `conversation_unknown`
 */
async function lockGroup(write: Write, groupId: string, memberId?: string): Promise<LockedGroup> {
  const group = (await lockConversations(write, [groupId])).get(groupId);
  const members = await write
    .selectFrom('members')
    .selectAll()
    .where('conversation_id', '=', groupId)
    .orderBy('joined_at')
    .orderBy('user_id')
    .execute();
  const isMember = memberId === undefined || members.some(({ user_id }) => user_id === memberId);
  if (group?.kind !== 'group' || !isMember) throw unknownConversation();
  return { id: groupId, name: group.name ?? '', lastSeq: group.last_seq, members };
}

function isOwner(group: LockedGroup, userId: string): boolean {
  return group.members.some(({ user_id, role }) => user_id === userId && role === 'owner');
}

/** @throws {AppError} `not_owner` */
function requireOwner(group: LockedGroup, userId: string): void {
  if (!isOwner(group, userId)) {
    throw new AppError('not_owner', 'Only the owner of the group can do this.');
  }
}

/** @throws {AppError} `not_friends` */
async function requireFriends(
  write: Write,
  userId: string,
  userIds: readonly string[],
): Promise<void> {
  const friends = new Set(await findFriendIds(write, userId));
  if (userIds.every((id) => friends.has(id))) return;
  throw new AppError('not_friends', 'You can only add friends.');
}

/**
 * Adds members. If the group has no owner, because all members have left, the first one becomes the owner.
 *
 * @throws {AppError} `already_member`, `group_full`, `limit_reached`
 */
async function addMembers(
  write: Write,
  group: LockedGroup,
  userIds: readonly string[],
): Promise<void> {
  if (userIds.length === 0) return;
  if (group.members.some(({ user_id }) => userIds.includes(user_id))) {
    throw new AppError('already_member', 'The user is already in the group.');
  }
  if (group.members.length + userIds.length > limits.groupMembers) {
    throw new AppError('group_full', `A group can have ${limits.groupMembers} members.`);
  }
  await refuseTooManyGroups(write, userIds);
  // New members do not see earlier messages, so these count as read.
  const hasOwner = group.members.some(({ role }) => role === 'owner');
  const seen = { delivered_seq: group.lastSeq, read_seq: group.lastSeq };
  await write
    .insertInto('members')
    .values(
      userIds.map((user_id, index) => ({
        ...{ conversation_id: group.id, user_id },
        role: index === 0 && !hasOwner ? ('owner' as const) : ('member' as const),
        ...{ joined_at: Date.now(), first_seq: group.lastSeq + 1, ...seen },
      })),
    )
    .execute();
}

/** @throws {AppError} `limit_reached` */
async function refuseTooManyGroups(write: Write, userIds: readonly string[]): Promise<void> {
  const full = await write
    .selectFrom('members')
    .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
    .select('user_id')
    .where('user_id', 'in', userIds)
    .where('kind', '=', 'group')
    .groupBy('user_id')
    .having(({ fn }) => fn.countAll(), '>=', limits.groups)
    .execute();
  if (full.length === 0) return;
  throw new AppError('limit_reached', `A user can be in ${limits.groups} groups.`);
}

async function removeMember(write: Write, groupId: string, userId: string): Promise<void> {
  await write
    .deleteFrom('members')
    .where('conversation_id', '=', groupId)
    .where('user_id', '=', userId)
    .execute();
}
