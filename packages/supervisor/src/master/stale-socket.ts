import { renameSync, rmSync } from 'node:fs';
import { ControlClient } from '../control/control-client.ts';

/**
 * Removes the control socket of a master that was killed; a socket on which a process listens stays.
 *
 * Of two starts at once the slower one would remove the socket that the faster one has just opened. So
 * it is taken aside first, which only one of them can do, and looked at again there.
 *
 * @param path - ends in `.sock`
 */
export async function removeStaleSocket(path: string): Promise<void> {
  // No longer than the path itself, which may be as long as that of a socket can be.
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
