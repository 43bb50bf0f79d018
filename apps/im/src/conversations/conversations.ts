import { sql } from 'kysely';
import type { ConversationsBody, MessagesBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import type { Conversation, Member, User } from '../../shared/model.ts';
import type { Database, MemberRow, MessageRow } from '../database/schema.ts';
import { findBarriers, findUsers } from '../people/users.ts';
import { toMessage } from './content.ts';
import { unknownConversation } from './store-messages.ts';

/** A conversation with all users that it refers to. */
export interface ConversationView {
  readonly conversation: Conversation;
  readonly users: readonly User[];
}

/** A page of a history: the messages before or after a `seq`, or the newest. */
export interface PageRequest {
  readonly before?: number;
  readonly after?: number;
  readonly limit: number;
}

/** Reads conversations from the view of a member. */
export class Conversations {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async list(userId: string): Promise<ConversationsBody> {
    return await this.#read(userId);
  }

  /** @throws {AppError} `conversation_unknown` */
  async get(userId: string, conversationId: string): Promise<ConversationView> {
    const { conversations, users } = await this.#read(userId, conversationId);
    const [conversation] = conversations;
    if (conversation === undefined) throw unknownConversation();
    return { conversation, users };
  }

  /** @throws {AppError} `conversation_unknown` */
  async history(userId: string, conversationId: string, page: PageRequest): Promise<MessagesBody> {
    const member = await this.#db
      .selectFrom('members')
      .select('first_seq')
      .where('conversation_id', '=', conversationId)
      .where('user_id', '=', userId)
      .executeTakeFirst();
    if (member === undefined) throw unknownConversation();
    let query = this.#db
      .selectFrom('messages')
      .selectAll()
      .where('conversation_id', '=', conversationId)
      .where('seq', '>=', member.first_seq)
      // One more row shows whether there is another page.
      .limit(page.limit + 1);
    if (page.before !== undefined) query = query.where('seq', '<', page.before);
    if (page.after !== undefined) query = query.where('seq', '>', page.after);
    const isForward = page.after !== undefined;
    const rows = await query.orderBy('seq', isForward ? 'asc' : 'desc').execute();
    const hasMore = rows.length > page.limit;
    if (hasMore) rows.pop();
    if (!isForward) rows.reverse();
    const messages = rows.map(toMessage);
    return { messages, users: await findUsers(this.#db, mentionedIn(rows)), hasMore };
  }

  /**
   * Returns the other members that a member may write to.
   *
   * @throws {AppError} `conversation_unknown`
   */
  async reachableMembers(userId: string, conversationId: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('members')
      .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
      .select(['user_id', 'kind'])
      .where('conversation_id', '=', conversationId)
      .execute();
    if (!rows.some(({ user_id }) => user_id === userId)) throw unknownConversation();
    const others = rows.filter(({ user_id }) => user_id !== userId);
    const direct = others.filter(({ kind }) => kind === 'direct');
    const barriers = await findBarriers(
      this.#db,
      direct.map(({ user_id }) => ({ from: userId, to: user_id })),
    );
    return others
      .map(({ user_id }) => user_id)
      .filter((otherId) => !barriers.has(`${userId} ${otherId}`));
  }

  /** Returns the newest `seq` of each conversation of a user. */
  async heads(userId: string): Promise<Record<string, number>> {
    const rows = await this.#db
      .selectFrom('members')
      .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
      .select(['conversations.id', 'last_seq'])
      .where('user_id', '=', userId)
      .execute();
    return Object.fromEntries(rows.map(({ id, last_seq }) => [id, last_seq]));
  }

  async #read(userId: string, conversationId?: string): Promise<ConversationsBody> {
    const rows = await this.#rows(userId, conversationId);
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return { conversations: [], users: [] };
    const members = await this.#members(ids);
    const lastMessages = new Map<string, MessageRow>();
    for (const row of rows) {
      const last = toLastMessage(row);
      if (last !== undefined) lastMessages.set(row.id, last);
    }
    const pairs = rows.flatMap(({ id, kind }) => {
      const other = members.get(id)?.find((member) => member.userId !== userId);
      return kind === 'direct' && other !== undefined ? [{ from: userId, to: other.userId }] : [];
    });
    const barriers = await findBarriers(this.#db, pairs);
    const conversations = rows.map((row): Conversation => {
      const list = members.get(row.id) ?? [];
      const other = list.find((member) => member.userId !== userId);
      const last = lastMessages.get(row.id);
      return {
        id: row.id,
        kind: row.kind,
        name: row.name,
        createdAt: row.created_at,
        members: list,
        firstSeq: row.first_seq,
        lastSeq: row.last_seq,
        lastMessage: last === undefined ? null : toMessage(last),
        readSeq: row.read_seq,
        unread: row.unread,
        barrier:
          row.kind === 'direct' ? (barriers.get(`${userId} ${other?.userId}`) ?? null) : null,
      };
    });
    const mentioned = [...members.values()].flat().map((member) => member.userId);
    const users = await findUsers(this.#db, [
      ...mentioned,
      ...mentionedIn([...lastMessages.values()]),
    ]);
    return { conversations, users };
  }

  /** Reads the last message in the same statement, so that it always matches `last_seq`. */
  async #rows(userId: string, conversationId?: string) {
    const query = this.#db
      .selectFrom('members')
      .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
      .leftJoin('messages as last', (join) =>
        join
          .onRef('last.conversation_id', '=', 'conversations.id')
          .onRef('last.seq', '=', 'conversations.last_seq')
          // Members do not see messages from before they joined.
          .onRef('last.seq', '>=', 'members.first_seq'),
      )
      .select(['conversations.id', 'conversations.kind', 'name', 'created_at', 'last_seq'])
      .select(['first_seq', 'read_seq', unreadCount.as('unread')])
      .select(['last.id as last_id', 'last.sender_id', 'last.client_id', 'last.sent_at'])
      .select(['last.kind as last_kind', 'last.content as last_content'])
      .where('user_id', '=', userId);
    const chosen =
      conversationId === undefined ? query : query.where('conversations.id', '=', conversationId);
    return await chosen.execute();
  }

  async #members(ids: readonly string[]): Promise<Map<string, Member[]>> {
    const rows = await this.#db
      .selectFrom('members')
      .selectAll()
      .where('conversation_id', 'in', ids)
      .orderBy('joined_at')
      .execute();
    const members = new Map<string, Member[]>(ids.map((id) => [id, []]));
    for (const row of rows) members.get(row.conversation_id)?.push(toMember(row));
    return members;
  }
}

/** Number of unread messages of other members; counts up to the limit. */
export const unreadCount = sql<number>`(
  select count(*) from (
    select 1 from messages
    where messages.conversation_id = members.conversation_id
      and messages.seq > members.read_seq
      and messages.seq >= members.first_seq
      and messages.sender_id <> members.user_id
      and messages.kind <> 'notice'
    limit ${sql.lit(limits.unread)}
  ) as unread_messages
)`;

/** The columns of the newest message; null when the member can see none. */
interface LastColumns {
  readonly id: string;
  readonly last_seq: number;
  readonly last_id: string | null;
  readonly sender_id: string | null;
  readonly client_id: string | null;
  readonly sent_at: number | null;
  readonly last_kind: string | null;
  readonly last_content: string | null;
}

function toLastMessage(row: LastColumns): MessageRow | undefined {
  const { id, last_seq, last_id, sender_id, client_id, sent_at, last_kind, last_content } = row;
  if (last_id === null || sender_id === null || sent_at === null) return undefined;
  return {
    ...{ conversation_id: id, seq: last_seq, id: last_id, sender_id, client_id, sent_at },
    ...{ kind: last_kind ?? '', content: last_content ?? '' },
  };
}

function toMember({ user_id, role, delivered_seq, read_seq }: MemberRow): Member {
  return { userId: user_id, role, deliveredSeq: delivered_seq, readSeq: read_seq };
}

/** The senders, and the users that notices refer to. */
function mentionedIn(rows: readonly MessageRow[]): string[] {
  return rows.flatMap((row) => {
    const { content } = toMessage(row);
    const others =
      content.kind === 'notice' && 'userIds' in content.notice ? content.notice.userIds : [];
    return [row.sender_id, ...others];
  });
}
