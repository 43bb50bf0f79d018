import { renameSync, rmSync } from 'node:fs';
import { ControlClient } from '../control/control-client.ts';

/**
 * Removes the control socket of a killed master; a socket on which a process listens stays.
 *
 * The socket is renamed first, and checked under the new name. Otherwise, of two simultaneous starts, the slower one
 * could remove the socket that the faster one has just opened.
 *
 * @param path - ends in `.sock`
 */
export async function removeStaleSocket(path: string): Promise<void> {
  // Not longer than the path itself, which may already have the maximum length of a socket path.
  const aside = path.replace(/\.sock$/, process.pid.toString(36));
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const owner = await ControlClient.connect(aside);
  if (owner === undefined) {
    rmSync(aside, { force: true });
    return;
  }
  owner.close();
  renameSync(aside, path);
}
