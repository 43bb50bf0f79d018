import { requestStop, stopLeftovers } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `stop`. */
export interface StopFlags {
  /** Finish what has begun. */
  readonly graceful?: true;
}

/**
 * Stops the running master and all its processes; answers the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when none runs
 * @throws {GW_ERR_QUERY_TIMEOUT} when it does not end
 */
export async function stop({ options }: CommandContext, flags: StopFlags): Promise<number> {
  const isGraceful = flags.graceful === true;
  const pid = await askRunning(
    options,
    async (pidFile) =>
      (await requestStop(pidFile, isGraceful)) ?? (await stopLeftovers(options, isGraceful)),
  );
  const what = pid === null ? 'what a master that was killed has left behind' : `(pid ${pid})`;
  print(`Stopped ${what}.\n`);
  return 0;
}
