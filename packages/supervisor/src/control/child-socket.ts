import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assertOwnDirectory, runDirectory, socketPath } from './run-directory.ts';

/** A control socket of a process, read from its file name. */
export interface ChildSocket {
  readonly path: string;
  /** See `slotKey`. */
  readonly slot: string;
  readonly pid: number;
}

/**
 * Identifies a slot: one of the processes that a start file declares. Its 8 characters fit into the limited path of a
 * socket. From the file name a master knows the slot of a process that does not answer.
 */
export function slotKey(role: string, name: string, id: number): string {
  return createHash('sha256')
    .update(JSON.stringify([role, name, id]))
    .digest('hex')
    .slice(0, 8);
}

/** The path of the control socket of a process. */
export function childSocketPath(pidFile: string, slot: string, pid: number): string {
  return socketPath(pidFile, `${slot}-${pid}`);
}

/** Removes the control socket of a process that was killed. */
export function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // On a read-only file system the file stays. The next start finds that no process listens on it.
  }
}

/**
 * Lists the control sockets of processes in a run directory, including the sockets that killed processes have left
 * behind.
 *
 * @throws {GW_ERR_ACCESS_DENIED} when the run directory belongs to another user
 */
export function listChildSockets(pidFile: string): ChildSocket[] {
  const directory = runDirectory(pidFile);
  assertOwnDirectory(join(directory, 'x'));
  return listFiles(directory).flatMap((file) => {
    const match = /^([\da-f]{8})-([1-9]\d{0,9})\.sock$/.exec(file);
    const [, slot, pid] = match ?? [];
    if (slot === undefined || pid === undefined) return [];
    return [{ path: join(directory, file), slot, pid: Number(pid) }];
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
