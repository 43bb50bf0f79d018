import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assertOwnDirectory, runDirectory, socketPath } from './run-directory.ts';

/** A control socket of a process, read from its file name. */
export interface ChildSocket {
  readonly path: string;
  /** See `placeKey`. */
  readonly place: string;
  readonly pid: number;
}

/**
 * Names a place among the processes of a start file, in 8 characters, because a socket path is short. By its
 * file name alone a master knows the place of a process that does not answer.
 */
export function placeKey(role: string, name: string, id: number): string {
  return createHash('sha256')
    .update(JSON.stringify([role, name, id]))
    .digest('hex')
    .slice(0, 8);
}

/** The path of the control socket of a process. */
export function childSocketPath(pidFile: string, place: string, pid: number): string {
  return socketPath(pidFile, `${place}-${pid}`);
}

/** Removes the control socket of a process that was killed. */
export function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // On a file system that has become read-only it stays, and the next start sees that nothing listens on it.
  }
}

/**
 * Lists the control sockets of processes in a run directory; those of processes that were killed may be
 * among them.
 *
 * @throws {GW_ERR_ACCESS_DENIED} when the run directory belongs to another user
 */
export function listChildSockets(pidFile: string): ChildSocket[] {
  const directory = runDirectory(pidFile);
  assertOwnDirectory(join(directory, 'x'));
  return listFiles(directory).flatMap((file) => {
    const match = /^([\da-f]{8})-([1-9]\d{0,9})\.sock$/.exec(file);
    const [, place, pid] = match ?? [];
    if (place === undefined || pid === undefined) return [];
    return [{ path: join(directory, file), place, pid: Number(pid) }];
  });
}

function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
