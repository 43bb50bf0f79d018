import type { Write } from '../database/schema.ts';
import { lockConversations } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';

/** The key of a pair of users, independent of their order. */
function toDirectKey(pair: readonly [string, string]): string {
  return [...pair].sort().join(' ');
}

/**
 * Locks the conversation of two users, if there is one, until the transaction ends. Messages that are stored later see
 * the changes of the transaction.
 */
export async function lockDirect(write: Write, pair: readonly [string, string]): Promise<void> {
  const conversation = await write
    .selectFrom('conversations')
    .select('id')
    .where('direct_key', '=', toDirectKey(pair))
    .executeTakeFirst();
  if (conversation !== undefined) await lockConversations(write, [conversation.id]);
}

/** Returns the conversation of two users; creates it if there is none. */
export async function openDirect(
  write: Write,
  ids: IdGenerator,
  pair: readonly [string, string],
): Promise<string> {
  const directKey = toDirectKey(pair);
  const now = Date.now();
  const id = ids.next();
  await write
    .insertInto('conversations')
    .values({ id, kind: 'direct', name: null, direct_key: directKey, last_seq: 0, created_at: now })
    .onConflict((conflict) => conflict.column('direct_key').doNothing())
    .execute();
  const conversation = await write
    .selectFrom('conversations')
    .select('id')
    .where('direct_key', '=', directKey)
    .executeTakeFirstOrThrow();
  const marks = { first_seq: 1, delivered_seq: 0, read_seq: 0 } as const;
  await write
    .insertInto('members')
    .values(
      pair.map((userId) => ({
        ...{ conversation_id: conversation.id, user_id: userId, role: 'member' as const },
        ...{ joined_at: now, ...marks },
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return conversation.id;
}
