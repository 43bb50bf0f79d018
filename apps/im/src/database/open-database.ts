import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, type MigrationProvider, Migrator, PostgresDialect } from 'kysely';
import LibsqlDatabase from 'libsql';
import { Pool, types } from 'pg';
import type { ImSettings } from '../settings.ts';
import { migrations } from './migrations.ts';
import type { Database, Tables } from './schema.ts';
import { isLocked, SharedSqliteDialect } from './sqlite-dialect.ts';

/**
 * Opens the database and runs the migrations. Several processes may call it at the same time.
 *
 * @throws the error of the driver when the database cannot be reached
 */
export async function openDatabase(
  settings: Pick<ImSettings, 'databaseUrl' | 'dataFolder'>,
): Promise<Database> {
  const { databaseUrl, dataFolder } = settings;
  if (databaseUrl !== '') return await migrate(openPostgres(databaseUrl));
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  // SQLite creates its other files with the mode of this one. All contain private messages.
  closeSync(openSync(`${dataFolder}/im.db`, 'a', 0o600));
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await migrate(openSqlite(`${dataFolder}/im.db`));
    } catch (error) {
      // The first process sets the journal mode and creates the tables; the others retry.
      if (!isLocked(error) || attempt === 100) throw error;
      await sleep(20 + Math.random() * 80);
    }
  }
}

function openSqlite(path: string): Database {
  const file = new LibsqlDatabase(path);
  try {
    // Short, because SQLite blocks the process while it waits. Transactions wait in `sqlite-dialect.ts`.
    file.pragma('busy_timeout = 20');
    // Readers and the writer do not block each other.
    file.pragma('journal_mode = WAL');
    // A committed transaction is on disk.
    file.pragma('synchronous = FULL');
    file.pragma('foreign_keys = ON');
    return new Kysely<Tables>({ dialect: new SharedSqliteDialect(file) });
  } catch (error) {
    file.close();
    throw error;
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
      // Counts and times fit a JavaScript number.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === int8 ? Number : types.getTypeParser(oid, format),
    },
  });
  // An idle connection was lost; the next query opens another one.
  pool.on('error', () => undefined);
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

/** The migrations are code, not files of a folder. */
const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };

async function migrate(db: Database): Promise<Database> {
  try {
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error !== undefined) throw error;
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}
