import type { SendContent } from '../../shared/http-api.ts';
import type { Message, MessageContent, User } from '../../shared/model.ts';
import { AppError, toAppError } from '../app-error.ts';
import type { ConversationRow, MessageRow, Write } from '../database/schema.ts';
import { lockConversations } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { findBarriers, findUsers, toBarrierError } from '../people/users.ts';
import { completeContent, findPictures, toColumns, toMessage } from './content.ts';

/** A message to store. */
export interface Draft {
  readonly conversationId: string;
  readonly senderId: string;
  /** Null for a notice of the server, which needs no permission. */
  readonly clientId: string | null;
  readonly content: SendContent | Extract<MessageContent, { kind: 'notice' }>;
}

/** A stored message with its receivers. */
export interface Stored {
  readonly message: Message;
  readonly sender: User;
  readonly memberIds: readonly string[];
  /** True if it was stored before and sent again. */
  readonly isRepeated: boolean;
}

/**
 * Stores messages within a transaction, in their order, and numbers them.
 *
 * The transaction that stores a message assigns its number and locks the conversation. So numbers have no gap, and a
 * reader who sees a number finds all messages before it.
 *
 * @returns for each draft the stored message, or the error
 */
export async function storeMessages(
  write: Write,
  ids: IdGenerator,
  drafts: readonly Draft[],
): Promise<(Stored | AppError)[]> {
  const known = await readContext(write, drafts);
  const rows: MessageRow[] = [];
  const outcomes = drafts.map((draft): Stored | AppError => {
    try {
      const sender = known.senders.get(draft.senderId);
      if (sender === undefined) throw unknownConversation();
      const { row, isRepeated } = assignRow(draft, known, ids);
      if (!isRepeated) rows.push(row);
      const memberIds = known.members.get(draft.conversationId) ?? [];
      return { message: toMessage(row), sender, memberIds, isRepeated };
    } catch (error) {
      // An error of one message does not affect the others.
      return toAppError(error);
    }
  });
  await insert(write, rows);
  return outcomes;
}

interface StoreContext {
  readonly conversations: ReadonlyMap<string, ConversationRow>;
  /** Newest number of each conversation; increased for each new message. */
  readonly lastSeqs: Map<string, number>;
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly senders: ReadonlyMap<string, User>;
  readonly barriers: Awaited<ReturnType<typeof findBarriers>>;
  readonly pictures: Awaited<ReturnType<typeof findPictures>>;
  /** Messages that were stored before, or are new in this batch, by `repeatKey`. */
  readonly sent: Map<string, MessageRow>;
}

/** Reads all required rows, with one query per table for any number of messages. */
async function readContext(write: Write, drafts: readonly Draft[]): Promise<StoreContext> {
  const conversationIds = [...new Set(drafts.map(({ conversationId }) => conversationId))];
  const conversations = await lockConversations(write, conversationIds);
  const members = await readMembers(write, conversationIds);
  const direct = drafts.flatMap(({ conversationId, senderId }) => {
    if (conversations.get(conversationId)?.kind !== 'direct') return [];
    const other = members.get(conversationId)?.find((id) => id !== senderId);
    return other === undefined ? [] : [{ from: senderId, to: other }];
  });
  const hashes = drafts.flatMap(({ content }) =>
    content.kind === 'picture' ? [content.picture] : [],
  );
  const senders = await findUsers(
    write,
    drafts.map(({ senderId }) => senderId),
  );
  return {
    conversations,
    lastSeqs: new Map([...conversations].map(([id, { last_seq }]) => [id, last_seq])),
    members,
    senders: new Map(senders.map((user) => [user.id, user])),
    barriers: await findBarriers(write, direct),
    pictures: await findPictures(write, hashes),
    sent: await readSent(write, drafts),
  };
}

async function readMembers(write: Write, ids: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await write
    .selectFrom('members')
    .select(['conversation_id', 'user_id'])
    .where('conversation_id', 'in', ids)
    .execute();
  const members = new Map<string, string[]>();
  for (const { conversation_id, user_id } of rows) {
    const list = members.get(conversation_id);
    if (list === undefined) members.set(conversation_id, [user_id]);
    else list.push(user_id);
  }
  return members;
}

/** Stored messages that may be earlier sends of the drafts. */
async function readSent(write: Write, drafts: readonly Draft[]): Promise<Map<string, MessageRow>> {
  const clientIds = drafts.flatMap(({ clientId }) => (clientId === null ? [] : [clientId]));
  if (clientIds.length === 0) return new Map();
  const rows = await write
    .selectFrom('messages')
    .selectAll()
    .where('conversation_id', 'in', [...new Set(drafts.map((draft) => draft.conversationId))])
    .where('sender_id', 'in', [...new Set(drafts.map(({ senderId }) => senderId))])
    .where('client_id', 'in', [...new Set(clientIds)])
    .execute();
  return new Map(
    rows.map((row) => [repeatKey(row.conversation_id, row.sender_id, row.client_id), row]),
  );
}

function repeatKey(conversationId: string, senderId: string, clientId: string | null): string {
  return `${conversationId} ${senderId} ${clientId}`;
}

/** Creates the row of a message. @throws {AppError} when the message is refused */
function assignRow(
  draft: Draft,
  known: StoreContext,
  ids: IdGenerator,
): { readonly row: MessageRow; readonly isRepeated: boolean } {
  const { conversationId, senderId, clientId, content } = draft;
  const lastSeq = known.lastSeqs.get(conversationId);
  if (lastSeq === undefined) throw unknownConversation();
  const key = repeatKey(conversationId, senderId, clientId);
  if (content.kind !== 'notice') requireMember(draft, known);
  const stored = clientId === null ? undefined : known.sent.get(key);
  if (stored !== undefined) {
    requireSameContent(stored, content);
    return { row: stored, isRepeated: true };
  }
  if (content.kind !== 'notice') requireNoBarrier(draft, known);
  const complete = content.kind === 'notice' ? content : completeContent(content, known.pictures);
  const row: MessageRow = {
    conversation_id: conversationId,
    seq: lastSeq + 1,
    id: ids.next(),
    sender_id: senderId,
    client_id: clientId,
    ...toColumns(complete),
    sent_at: Date.now(),
  };
  known.lastSeqs.set(conversationId, row.seq);
  if (clientId !== null) known.sent.set(key, row);
  return { row, isRepeated: false };
}

/** @throws {AppError} `conversation_unknown` */
function requireMember({ conversationId, senderId }: Draft, known: StoreContext): void {
  if (known.members.get(conversationId)?.includes(senderId) !== true) throw unknownConversation();
}

/** @throws {AppError} `blocked`, `you_blocked`, `not_friends` */
function requireNoBarrier({ conversationId, senderId }: Draft, known: StoreContext): void {
  if (known.conversations.get(conversationId)?.kind !== 'direct') return;
  const other = known.members.get(conversationId)?.find((id) => id !== senderId);
  const barrier = known.barriers.get(`${senderId} ${other}`);
  if (barrier !== undefined) throw toBarrierError(barrier);
}

/** @throws {AppError} `client_id_used` when the stored message of this client id has another content */
function requireSameContent(row: MessageRow, content: Draft['content']): void {
  const { content: stored } = toMessage(row);
  const isSame =
    (content.kind === 'text' && stored.kind === 'text' && stored.text === content.text) ||
    (content.kind === 'picture' &&
      stored.kind === 'picture' &&
      stored.picture.hash === content.picture &&
      stored.text === (content.text ?? ''));
  if (isSame) return;
  const message = 'The client id was used for another message of the conversation.';
  throw new AppError('client_id_used', message);
}

async function insert(write: Write, rows: readonly MessageRow[]): Promise<void> {
  if (rows.length === 0) return;
  await write.insertInto('messages').values(rows).execute();
  await write
    .updateTable('conversations')
    .set(({ selectFrom }) => ({
      last_seq: selectFrom('messages')
        .select(({ fn }) => fn.max('seq').as('seq'))
        .whereRef('messages.conversation_id', '=', 'conversations.id')
        .$asScalar()
        .$notNull(),
    }))
    .where('id', 'in', [...new Set(rows.map(({ conversation_id }) => conversation_id))])
    .execute();
}

export function unknownConversation(): AppError {
  const message = 'The conversation does not exist, or you are not a member.';
  return new AppError('conversation_unknown', message);
}
