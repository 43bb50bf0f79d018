import { type Postgres, skipReason, startPostgres, temporaryFolder } from '@gatewayworker/testing';

/** The storage of a messenger in a test. */
export interface TestDatabase {
  /** `postgres://…`; empty for SQLite in `dataFolder`. */
  readonly databaseUrl: string;
  readonly dataFolder: string;
  dispose(): Promise<void>;
}

/** A kind of database that tests run on. */
export interface DatabaseKind {
  /** Name, and the reason if its tests are skipped. */
  readonly title: string;
  readonly isSkipped: boolean;
  /** True: every test runs on it. False: only tests whose result depends on the database. */
  readonly runsEveryTest: boolean;
  /** Starts an empty database. */
  start(): Promise<TestDatabase>;
}

const reason = skipReason('postgres');

/** Set in the nightly run of CI: every test runs on every kind. */
const runsAll = (process.env['GATEWAYWORKER_ALL_DATABASES'] ?? '') !== '';

/** All kinds; the first is the default. */
export const databaseKinds: readonly DatabaseKind[] = [
  { title: 'SQLite', isSkipped: false, runsEveryTest: true, start: startSqlite },
  {
    title: `PostgreSQL${reason}`,
    isSkipped: reason !== '',
    runsEveryTest: runsAll,
    start: startOnPostgres,
  },
];

async function startSqlite(): Promise<TestDatabase> {
  const folder = await temporaryFolder('im');
  return { databaseUrl: '', dataFolder: folder.path, dispose: folder.dispose };
}

async function startOnPostgres(): Promise<TestDatabase> {
  const folder = await temporaryFolder('im');
  const postgres: Postgres = await startPostgres();
  return {
    databaseUrl: postgres.url,
    dataFolder: folder.path,
    async dispose() {
      await postgres.dispose();
      await folder.dispose();
    },
  };
}
