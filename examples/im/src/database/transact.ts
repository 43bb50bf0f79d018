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
  // The one writer that SQLite has is this transaction.
  const isShared = write.getExecutor().adapter instanceof PostgresAdapter;
  const rows = await (isShared ? query.forUpdate() : query).execute();
  return new Map(rows.map((row) => [row.id, row]));
}
