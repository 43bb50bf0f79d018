import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isKept } from './keepers.ts';
import { isAlreadyRunning, Master, orphansComeMs } from './master.ts';
import type { ResolvedRunOptions } from './options.ts';
import { readPidFile } from './pid-file.ts';
import { controlPath } from './run-directory.ts';

/**
 * Stops what a master that was killed has left behind, with the keeper that would start it again; answers
 * the pid of that master, or `null` when it is not known, or `undefined` when there is nothing.
 *
 * For the moment of the stop this process is the master: so nobody else becomes it, and orphans come here.
 *
 * @param isGraceful - whether the processes finish what they have begun
 * @throws {GW_ERR_LISTEN_FAILED} when the control socket cannot be opened
 */
export async function stopLeftovers(
  options: ResolvedRunOptions,
  isGraceful: boolean,
): Promise<number | null | undefined> {
  // Whoever was killed could not remove it.
  if (!existsSync(controlPath(options.pidFile))) return undefined;
  const pid = readPidFile(options.pidFile) ?? null;
  const hasKeeper = await isKept(options.pidFile);
  const master = new Master([], { ...options, logToStdout: false });
  try {
    await master.takeCharge();
  } catch (error) {
    // Another one has just come: it is to be asked.
    if (isAlreadyRunning(error)) return undefined;
    throw error;
  }
  await sleep(orphansComeMs);
  await master.stop('the stop command', isGraceful);
  return hasKeeper || master.hasAdopted ? pid : undefined;
}
