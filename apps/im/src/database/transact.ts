import { PostgresAdapter } from 'kysely';
import { driverCode } from '../app-error.ts';
import type { ConversationRow, Database, Write } from './schema.ts';

const attempts = 4;

/** Runs a transaction, again when PostgreSQL has ended it for the sake of another one. */
export async function transact<T>(db: Database, work: (write: Write) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      const isConflict = /^(?:40001|40P01)$/.test(driverCode(error) ?? '');
      if (!isConflict || attempt === attempts) throw error;
    }
  }
}

/**
 * Reads conversations and keeps every other writer away from them until the transaction ends.
 *
 * Always in the order of their ids, so that two transactions never wait for each other.
 */
export async function lockConversations(
  write: Write,
  ids: readonly string[],
): Promise<Map<string, ConversationRow>> {
  const query = write
    .selectFrom('conversations')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .orderBy('id');
  const rows = await (isShared(write) ? query.forUpdate() : query).execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** Keeps everybody else from changing what these people are to each other, until the transaction ends. */
export async function lockUsers(write: Write, ids: readonly string[]): Promise<void> {
  const query = write.selectFrom('users').select('id').where('id', 'in', ids).orderBy('id');
  // Rows that only refer to these people may be written meanwhile.
  if (isShared(write)) await query.forNoKeyUpdate().execute();
}

/** Whether there are other writers at the same time: SQLite has one, which is this transaction. */
function isShared(write: Write): boolean {
  return write.getExecutor().adapter instanceof PostgresAdapter;
}
