import type { InvitationBody, InvitationPreviewBody } from '../../shared/http-api.ts';
import { AppError } from '../app-error.ts';
import type { Database, InvitationRow, Write } from '../database/schema.ts';
import { fromBase62, randomCode } from '../ids/base62.ts';
import type { Groups } from './groups.ts';
import { unknownConversation } from './store-messages.ts';

/** How long an invitation is valid, in milliseconds. */
const lifetimeMs = 7 * 24 * 60 * 60 * 1000;

/** Invitation links of groups. */
export class Invitations {
  readonly #db: Database;
  readonly #groups: Groups;

  constructor(db: Database, groups: Groups) {
    this.#db = db;
    this.#groups = groups;
  }

  /** @throws {AppError} `conversation_unknown` */
  async create(userId: string, groupId: string): Promise<InvitationBody> {
    await requireRole(this.#db, userId, groupId);
    const now = Date.now();
    const row = { conversation_id: groupId, created_by: userId, created_at: now };
    const code = randomCode();
    const expiresAt = now + lifetimeMs;
    await this.#db.transaction().execute(async (write) => {
      await write.deleteFrom('invitations').where('expires_at', '<=', now).execute();
      await write
        .insertInto('invitations')
        .values({ ...row, code, expires_at: expiresAt })
        .execute();
    });
    return { code, path: `/i/${code}`, expiresAt };
  }

  /** @throws {AppError} `invitation_unknown` */
  async preview(userId: string, code: string): Promise<InvitationPreviewBody> {
    const { conversation_id } = await requireInvitation(this.#db, code);
    const { name } = await this.#db
      .selectFrom('conversations')
      .select('name')
      .where('id', '=', conversation_id)
      .executeTakeFirstOrThrow();
    const members = await this.#db
      .selectFrom('members')
      .select('user_id')
      .where('conversation_id', '=', conversation_id)
      .execute();
    return {
      conversationId: conversation_id,
      name: name ?? '',
      memberCount: members.length,
      joined: members.some(({ user_id }) => user_id === userId),
    };
  }

  /** @throws {AppError} `invitation_unknown`, `not_owner` when the user neither created it nor owns the group */
  async withdraw(userId: string, code: string): Promise<void> {
    const { conversation_id, created_by } = await requireInvitation(this.#db, code);
    const role = await requireRole(this.#db, userId, conversation_id);
    if (created_by !== userId && role !== 'owner') {
      throw new AppError(
        'not_owner',
        'Only the creator of the link or the owner of the group can withdraw it.',
      );
    }
    await this.#db
      .transaction()
      .execute((write) => write.deleteFrom('invitations').where('code', '=', code).execute());
  }

  /**
   * Joins the group of an invitation; returns its id.
   *
   * @throws {AppError} `invitation_unknown`, `already_member`, `group_full`, `limit_reached`
   */
  async join(userId: string, code: string): Promise<string> {
    return await this.#groups.join(userId, async (write) => {
      const { conversation_id } = await requireInvitation(write, code);
      return conversation_id;
    });
  }
}

/** @throws {AppError} `invitation_unknown` */
async function requireInvitation(db: Database | Write, code: string): Promise<InvitationRow> {
  const row =
    fromBase62(code) === undefined
      ? undefined
      : await db
          .selectFrom('invitations')
          .selectAll()
          .where('code', '=', code)
          .where('expires_at', '>', Date.now())
          .executeTakeFirst();
  if (row !== undefined) return row;
  throw new AppError('invitation_unknown', 'The link is wrong or has expired.');
}

/** @throws {AppError} `conversation_unknown` when the user is not a member of the group */
async function requireRole(
  db: Database,
  userId: string,
  groupId: string,
): Promise<'owner' | 'member'> {
  const member = await db
    .selectFrom('members')
    .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
    .select('role')
    .where('conversation_id', '=', groupId)
    .where('user_id', '=', userId)
    .where('kind', '=', 'group')
    .executeTakeFirst();
  if (member === undefined) throw unknownConversation();
  return member.role;
}
