import type { SendContent } from '../../shared/http-api.ts';
import type { Message, MessageContent, User } from '../../shared/model.ts';
import { AppError, toAppError } from '../app-error.ts';
import type { ConversationRow, MessageRow, Write } from '../database/schema.ts';
import { lockConversations } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { findBarriers, findUsers, toBarrierError } from '../people/users.ts';
import { completeContent, findPictures, toColumns, toMessage } from './content.ts';

/** A message that is to be stored. */
export interface Draft {
  readonly conversationId: string;
  readonly senderId: string;
  /** Null for a notice of the server, which needs no leave. */
  readonly clientId: string | null;
  readonly content: SendContent | Extract<MessageContent, { kind: 'notice' }>;
}

/** A message that is stored, with those it is for. */
export interface Stored {
  readonly message: Message;
  readonly sender: User;
  readonly memberIds: readonly string[];
  /** Whether it was there before: somebody has sent it again. */
  readonly isRepeated: boolean;
}

/**
 * Stores messages within a transaction, in their order, and numbers them.
 *
 * A number is given in the transaction that stores its message, while nobody else writes to the conversation: so
 * numbers have no gap, and whoever sees one also finds all that come before it.
 *
 * @returns for each draft what was stored, or why it was not
 */
export async function storeMessages(
  write: Write,
  ids: IdGenerator,
  drafts: readonly Draft[],
): Promise<(Stored | AppError)[]> {
  const known = await readSurroundings(write, drafts);
  const rows: MessageRow[] = [];
  const outcomes = drafts.map((draft): Stored | AppError => {
    try {
      const sender = known.senders.get(draft.senderId);
      if (sender === undefined) throw unknownConversation();
      const { row, isRepeated } = place(draft, known, ids);
      if (!isRepeated) rows.push(row);
      const memberIds = known.members.get(draft.conversationId) ?? [];
      return { message: toMessage(row), sender, memberIds, isRepeated };
    } catch (error) {
      // One that cannot be stored leaves the others alone.
      return toAppError(error);
    }
  });
  await insert(write, rows);
  return outcomes;
}

interface Surroundings {
  readonly conversations: ReadonlyMap<string, ConversationRow>;
  /** Newest number of each conversation; rises as messages are placed. */
  readonly lastSeqs: Map<string, number>;
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly senders: ReadonlyMap<string, User>;
  readonly barriers: Awaited<ReturnType<typeof findBarriers>>;
  readonly pictures: Awaited<ReturnType<typeof findPictures>>;
  /** Messages that were there before, and those that are placed meanwhile, by `repeatKey`. */
  readonly sent: Map<string, MessageRow>;
}

/** Everything that is to be known, in one query of a kind however many messages there are. */
async function readSurroundings(write: Write, drafts: readonly Draft[]): Promise<Surroundings> {
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

/** Messages that may be those of the drafts, sent before. */
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

/** Gives a message its place. @throws {AppError} when it may not have one */
function place(
  draft: Draft,
  known: Surroundings,
  ids: IdGenerator,
): { readonly row: MessageRow; readonly isRepeated: boolean } {
  const { conversationId, senderId, clientId, content } = draft;
  const lastSeq = known.lastSeqs.get(conversationId);
  if (lastSeq === undefined) throw unknownConversation();
  const key = repeatKey(conversationId, senderId, clientId);
  if (content.kind !== 'notice') requireMember(draft, known);
  const before = clientId === null ? undefined : known.sent.get(key);
  if (before !== undefined) {
    refuseOther(before, content);
    return { row: before, isRepeated: true };
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
function requireMember({ conversationId, senderId }: Draft, known: Surroundings): void {
  if (known.members.get(conversationId)?.includes(senderId) !== true) throw unknownConversation();
}

/** @throws {AppError} `blocked`, `you_blocked`, `not_friends` */
function requireNoBarrier({ conversationId, senderId }: Draft, known: Surroundings): void {
  if (known.conversations.get(conversationId)?.kind !== 'direct') return;
  const other = known.members.get(conversationId)?.find((id) => id !== senderId);
  const barrier = known.barriers.get(`${senderId} ${other}`);
  if (barrier !== undefined) throw toBarrierError(barrier);
}

/** @throws {AppError} `client_id_used` when the message under this client id says something else */
function refuseOther(before: MessageRow, content: Draft['content']): void {
  const { content: stored } = toMessage(before);
  const isSame =
    (content.kind === 'text' && stored.kind === 'text' && stored.text === content.text) ||
    (content.kind === 'picture' &&
      stored.kind === 'picture' &&
      stored.picture.hash === content.picture &&
      stored.text === (content.text ?? ''));
  if (isSame) return;
  const message = 'This client id was used for another message of the conversation.';
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
  const message = 'There is no such conversation, or you are not in it.';
  return new AppError('conversation_unknown', message);
}
