import { PostgresAdapter } from 'kysely';
import { driverCode } from '../app-error.ts';
import type { ConversationRow, Database, Write } from './schema.ts';

const attempts = 4;

/** Runs a transaction; retries it after a serialization failure or deadlock of PostgreSQL. */
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
 * Reads conversations and locks them until the transaction ends.
 *
 * Locks in the order of the ids, so that two transactions cannot deadlock.
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
  const rows = await (hasRowLocks(write) ? query.forUpdate() : query).execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** Locks users until the transaction ends: other transactions cannot change their relations. */
export async function lockUsers(write: Write, ids: readonly string[]): Promise<void> {
  const query = write.selectFrom('users').select('id').where('id', 'in', ids).orderBy('id');
  // FOR NO KEY UPDATE allows inserts of rows that refer to these users.
  if (hasRowLocks(write)) await query.forNoKeyUpdate().execute();
}

/** SQLite has a single writer, so it needs no row locks. */
function hasRowLocks(write: Write): boolean {
  return write.getExecutor().adapter instanceof PostgresAdapter;
}
