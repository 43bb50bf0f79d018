import { GatewayWorkerError, guardStandardStreams } from '@gatewayworker/core';
import { print } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';
import { assertCanStart, type StartFlags, start } from './start.ts';
import { type StopFlags, stop } from './stop.ts';

/** Flags of `restart`. */
export type RestartFlags = StopFlags & Pick<StartFlags, 'daemon' | 'wait'>;

/**
 * Stops what runs and starts everything anew, as this start file now declares it; answers the exit code.
 *
 * @throws {GW_ERR_OPTION_INVALID} when two declarations want one port; what runs goes on
 * @throws {GW_ERR_PROCESS_FAILED} when nothing is declared, or a process cannot start
 * @throws {GW_ERR_QUERY_TIMEOUT} when what runs does not end
 */
export async function restart(context: CommandContext, flags: RestartFlags): Promise<number> {
  assertCanStart(context);
  // A reader that is gone must not end the command between the stop and the start.
  guardStandardStreams();
  try {
    await stop(context, flags);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
    print(`${error.message}.\n`);
  }
  return await start(context, flags);
}

function isNotRunning(error: unknown): error is GatewayWorkerError {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_NOT_RUNNING';
}
