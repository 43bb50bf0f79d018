import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, type MigrationProvider, Migrator, PostgresDialect } from 'kysely';
import LibsqlDatabase from 'libsql';
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
  if (databaseUrl !== '') return await migrate(openPostgres(databaseUrl));
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  // SQLite gives its other files the mode of this one: all hold what people have written to each other.
  closeSync(openSync(`${dataFolder}/im.db`, 'a', 0o600));
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await migrate(openSqlite(`${dataFolder}/im.db`));
    } catch (error) {
      // The first process that comes changes the mode of the file and makes the tables, alone.
      if (!isHeldByAnother(error) || attempt === 100) throw error;
      await sleep(20 + Math.random() * 80);
    }
  }
}

function openSqlite(path: string): Database {
  const file = new LibsqlDatabase(path);
  try {
    // Of what happens outside of transactions, which holds up the process; those wait by themselves.
    file.pragma('busy_timeout = 20');
    // Readers and the one writer do not wait for each other.
    file.pragma('journal_mode = WAL');
    // What is told to be stored has reached the disk.
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
