import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
} from 'kysely';
import { driverCode } from '../app-error.ts';

/** How long a transaction waits for transactions of other processes, in milliseconds. */
const lockTimeoutMs = 5000;

/** The required methods of an open database file. */
export interface SqliteFile extends SqliteDatabase {
  exec(sql: string): unknown;
}

/** SQLite dialect for several processes that write to one file. */
export class SharedSqliteDialect extends SqliteDialect implements Dialect {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    super({ database: file });
    this.#file = file;
  }

  override createDriver(): Driver {
    return new SharedSqliteDriver(this.#file);
  }

  override createAdapter(): DialectAdapter {
    return new SharedSqliteAdapter();
  }
}

class SharedSqliteDriver extends SqliteDriver {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    super({ database: file });
    this.#file = file;
  }

  /**
   * Takes the write lock at the beginning: a transaction that reads first and writes later fails if another process has
   * written in between. Waits asynchronously; the timeout of SQLite would block the process.
   */
  override async beginTransaction(_connection: DatabaseConnection): Promise<void> {
    const deadline = performance.now() + lockTimeoutMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      try {
        // Not a prepared statement: a failed one stays in progress in libsql, and then no transaction can commit
        // (tursodatabase/libsql-js#237).
        this.#file.exec('begin immediate');
        return;
      } catch (error) {
        if (!isLocked(error) || performance.now() > deadline) throw error;
        await sleep(pauseMs * (0.5 + Math.random()));
      }
    }
  }
}

class SharedSqliteAdapter extends SqliteAdapter {
  /** Runs the migrations in a transaction, whose lock makes the other processes wait. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Returns true if another process has locked the database. */
export function isLocked(error: unknown): boolean {
  return driverCode(error)?.startsWith('SQLITE_BUSY') ?? false;
}
