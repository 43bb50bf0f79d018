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

/** How long a transaction waits for those of other processes, in milliseconds. */
const patienceMs = 5000;

/** What is needed of an open file. */
export interface SqliteFile extends SqliteDatabase {
  exec(sql: string): unknown;
}

/** SQLite for several processes that write to one file. */
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
   * Takes the write lock at once: a transaction that reads first and writes then fails when another process
   * has written in between. Waits without holding up the process, as the timeout of SQLite itself would.
   */
  override async beginTransaction(_connection: DatabaseConnection): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      try {
        // Not as a prepared statement: libsql leaves one that fails in progress, and then nothing can be committed
        // (tursodatabase/libsql-js#237).
        this.#file.exec('begin immediate');
        return;
      } catch (error) {
        if (!isHeldByAnother(error) || performance.now() > deadline) throw error;
        await sleep(pauseMs * (0.5 + Math.random()));
      }
    }
  }
}

class SharedSqliteAdapter extends SqliteAdapter {
  /** Has the migrations run in a transaction, whose lock keeps the other processes waiting. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Tells that another process holds the database right now. */
export function isHeldByAnother(error: unknown): boolean {
  return driverCode(error)?.startsWith('SQLITE_BUSY') ?? false;
}
