import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompiledQuery,
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

/** SQLite for several processes that write to one file. */
export class SharedSqliteDialect extends SqliteDialect implements Dialect {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new SharedSqliteDriver({ database: this.#database });
  }

  override createAdapter(): DialectAdapter {
    return new SharedSqliteAdapter();
  }
}

class SharedSqliteDriver extends SqliteDriver {
  /**
   * Takes the write lock at once: a transaction that reads first and writes then fails when another process
   * has written in between. Waits without holding up the process, as the timeout of SQLite itself would.
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      try {
        await connection.executeQuery(CompiledQuery.raw('begin immediate'));
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
