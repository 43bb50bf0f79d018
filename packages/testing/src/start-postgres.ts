import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { postgresFolder } from './postgres-folder.ts';

/** A private PostgreSQL, with socket and data in a temporary folder. */
export interface Postgres {
  /** URL of an empty database, for its owner. */
  readonly url: string;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/**
 * Starts a PostgreSQL and resolves once it answers.
 *
 * @throws when it is not installed, or does not start
 */
export async function startPostgres(): Promise<Postgres> {
  const programs = postgresFolder();
  if (programs === undefined) throw new Error('postgres is not installed');
  // Outside of the repository, whose folders may not be accessible to the user that it runs as.
  const folder = await mkdtemp(join(tmpdir(), 'gatewayworker-postgres-'));
  const user = unprivilegedUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = { cwd: folder, ...user };
  await promisify(execFile)(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'test', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'],
    options,
  );
  const server = spawn(
    join(programs, 'postgres'),
    [
      ...['-D', data, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${folder}`],
      // The data need not survive a crash.
      ...['-c', 'fsync=off', '-c', 'max_connections=100'],
    ],
    { ...options, stdio: 'ignore' },
  );
  const url = `postgres://test@/postgres?host=${encodeURIComponent(folder)}`;
  const dispose = async (): Promise<void> => {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ready = ['--host', folder, '--username', 'test', '--dbname', 'postgres', '--quiet'];
    await eventually(() => promisify(execFile)(join(programs, 'pg_isready'), ready), {
      timeoutMs: 30_000,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url, dispose };
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  // SIGTERM would wait for clients, and SIGKILL would leave its shared memory behind.
  server.kill('SIGINT');
  await ended;
}

/** Returns an unprivileged user if this process is root, because PostgreSQL refuses to run as root. */
function unprivilegedUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
