import { readVersion } from '@gatewayworker/core';
import { requestStop, stopOrphans } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `stop`. */
export interface StopFlags {
  /** Let processes finish their work. */
  readonly graceful?: true;
}

/**
 * Stops the running master and all its processes, or its orphans. Resolves with the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no process runs
 * @throws {GW_ERR_QUERY_TIMEOUT} when the master does not end
 */
export async function stop(context: CommandContext, flags: StopFlags): Promise<number> {
  const isGraceful = flags.graceful === true;
  const stopped = await sendCommand(context, {
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
  print(`Stopped ${stopped}.\n`);
  return 0;
}
