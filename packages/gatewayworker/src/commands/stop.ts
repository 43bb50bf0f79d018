import { readVersion } from '@gatewayworker/core';
import { requestStop, stopOrphans } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `stop`. */
export interface StopFlags {
  /** Finish what has begun. */
  readonly graceful?: true;
}

/**
 * Stops the running master and all its processes, or those that run without a master; answers the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when none runs
 * @throws {GW_ERR_QUERY_TIMEOUT} when it does not end
 */
export async function stop(context: CommandContext, flags: StopFlags): Promise<number> {
  const isGraceful = flags.graceful === true;
  const what = await askRunning(context, {
    async master(pidFile) {
      const pid = await requestStop(pidFile, isGraceful);
      return pid === undefined ? undefined : `(pid ${pid})`;
    },
    async orphans() {
      const { options } = context;
      const master = { ...options, version: readVersion(), env: process.env };
      const count = await stopOrphans(master, isGraceful);
      return count === undefined ? undefined : `${count} processes`;
    },
  });
  print(`Stopped ${what}.\n`);
  return 0;
}
