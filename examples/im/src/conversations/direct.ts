import type { Write } from '../database/schema.ts';
import type { IdGenerator } from '../ids/id-generator.ts';

/** The conversation of two people, made when there is none: there is never more than one. */
export async function openDirect(
  write: Write,
  ids: IdGenerator,
  pair: readonly [string, string],
): Promise<string> {
  const directKey = [...pair].sort().join(' ');
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
