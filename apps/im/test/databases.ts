import { type Postgres, skipReason, startPostgres, temporaryFolder } from '@gatewayworker/testing';

/** Where a messenger of a test keeps its things. */
export interface TestDatabase {
  /** `postgres://…`; empty for SQLite in the folder. */
  readonly databaseUrl: string;
  readonly dataFolder: string;
  dispose(): Promise<void>;
}

/** A kind of database that the same tests run on. */
export interface DatabaseKind {
  /** Says why its tests are skipped, if they are. */
  readonly title: string;
  readonly isSkipped: boolean;
  /** Every test runs on it. On another kind a test runs if databases answer it differently. */
  readonly runsEveryTest: boolean;
  /** Starts an empty one. */
  start(): Promise<TestDatabase>;
}

const reason = skipReason('postgres');

/** Set in the nightly run of CI: every test runs on every kind. */
const runsAll = (process.env['GATEWAYWORKER_ALL_DATABASES'] ?? '') !== '';

/** Every kind. */
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
