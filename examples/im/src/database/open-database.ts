import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, type MigrationProvider, Migrator, PostgresDialect } from 'kysely';
import SqliteFile from 'libsql';
import { Pool, types } from 'pg';
import type { ImSettings } from '../settings.ts';
import { migrations } from './migrations.ts';
import type { Database, Tables } from './schema.ts';
import { isHeldByAnother, SharedSqliteDialect } from './sqlite-dialect.ts';

/**
 * Opens the database and brings its tables up to date; any number of processes may do so at once.
 *
 * @throws what the driver throws when it cannot be reached
 */
export async function openDatabase(
  settings: Pick<ImSettings, 'databaseUrl' | 'dataFolder'>,
): Promise<Database> {
  const { databaseUrl, dataFolder } = settings;
  const db = databaseUrl === '' ? await openSqlite(dataFolder) : openPostgres(databaseUrl);
  try {
    await migrate(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}

async function openSqlite(folder: string): Promise<Database> {
  mkdirSync(folder, { recursive: true });
  const database = new SqliteFile(`${folder}/im.db`);
  // Readers and the one writer do not wait for each other.
  await patiently(() => database.pragma('journal_mode = WAL'));
  // What is told to be stored has reached the disk.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  // For what happens outside of transactions; those wait by themselves.
  database.pragma('busy_timeout = 250');
  return new Kysely<Tables>({ dialect: new SharedSqliteDialect(database) });
}

/** The first process that comes changes the mode of the file, for which it must be alone. */
async function patiently(action: () => unknown): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      action();
      return;
    } catch (error) {
      if (!isHeldByAnother(error) || attempt === 100) throw error;
      await sleep(20);
    }
  }
}

const int8 = 20;

function openPostgres(connectionString: string): Database {
  const pool = new Pool({
    connectionString,
    max: 10,
    connectionTimeoutMillis: 5000,
    statement_timeout: 10_000,
    application_name: 'im',
    types: {
      // Counts and times: numbers hold them exactly.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === int8 ? Number : types.getTypeParser(oid, format),
    },
  });
  // A connection that nobody uses was lost; the next query opens another one.
  pool.on('error', () => undefined);
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

/** The migrations stand in the code, so there is no folder to read. */
const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };

async function migrate(db: Database): Promise<void> {
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
}
