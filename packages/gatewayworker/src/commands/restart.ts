import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, guardStandardStreams } from '@gatewayworker/core';
import { findMaster, requestDetach, reserveRunDirectory } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';
import { assertCanStart, type StartFlags, start } from './start.ts';
import { type StopFlags, stop } from './stop.ts';

/** Flags of `restart`. */
export interface RestartFlags extends StopFlags, Pick<StartFlags, 'daemon' | 'wait'> {
  /** Replace only the master. */
  readonly master?: true;
}

/** Time for a service manager to start the next master, in milliseconds. */
const NEXT_MASTER_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 50;

/**
 * Stops the running cluster, and starts the processes that the start file declares now. Resolves with the exit code.
 *
 * @throws {GW_ERR_OPTION_INVALID} as `assertCanStart`; the running cluster is not stopped
 * @throws {GW_ERR_NOT_DECLARED} when nothing is declared; the running cluster is not stopped
 * @throws {GW_ERR_PROCESS_FAILED} when a process cannot start
 * @throws {GW_ERR_QUERY_TIMEOUT} when the running cluster does not stop
 */
export async function restart(context: CommandContext, flags: RestartFlags): Promise<number> {
  assertCanStart(context, flags);
  // A closed output must not end the command between the stop and the start.
  guardStandardStreams();
  if (flags.master === true) return await restartMaster(context, flags);
  const release = reserveRunDirectory(context.options.pidFile);
  try {
    await stopRunning(context, flags);
    return await start(context, flags);
  } finally {
    release();
  }
}

async function stopRunning(context: CommandContext, flags: RestartFlags): Promise<void> {
  try {
    await stop(context, flags);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
    print(`${error.message}.\n`);
  }
}

/**
 * Ends only the master. The next master that attaches to its processes runs in the background if the old one did, or is
 * started by a service manager, or is this process.
 */
async function restartMaster(context: CommandContext, flags: RestartFlags): Promise<number> {
  const previous = await requestDetach(context.options.pidFile);
  if (previous === undefined) return await start(context, flags);
  print(`Master ${previous.pid} has ended; its processes keep running.\n`);
  if (previous.isDaemon || flags.daemon === true) return await start(context, { daemon: true });
  const next = await waitForMaster(context.options.pidFile);
  if (next === undefined) return await start(context, flags);
  print(`Master ${next} has attached to them.\n`);
  return 0;
}

/** Waits for a master that a service manager starts; `undefined` when there is none. */
async function waitForMaster(pidFile: string): Promise<number | undefined> {
  const deadline = performance.now() + NEXT_MASTER_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const pid = await findMaster(pidFile);
    if (pid !== undefined) return pid;
    await sleep(POLL_INTERVAL_MS);
  }
  return undefined;
}

function isNotRunning(error: unknown): error is GatewayWorkerError {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_NOT_RUNNING';
}
