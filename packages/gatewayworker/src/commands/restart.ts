import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, guardStandardStreams } from '@gatewayworker/core';
import { findMaster, requestLeave, reserveRunDirectory } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';
import { assertCanStart, type StartFlags, start } from './start.ts';
import { type StopFlags, stop } from './stop.ts';

/** Flags of `restart`. */
export interface RestartFlags extends StopFlags, Pick<StartFlags, 'daemon' | 'wait'> {
  /** Replace the master without its processes. */
  readonly master?: true;
}

/** Time that a service manager has to start the next master, and how often the command looks, in milliseconds. */
const NEXT_MASTER_MS = 5_000;
const LOOK_MS = 50;

/**
 * Stops the running cluster and starts the processes that this start file now declares; answers the exit code.
 *
 * @throws {GW_ERR_OPTION_INVALID} as `assertCanStart`; the running cluster is not stopped
 * @throws {GW_ERR_NOT_DECLARED} when nothing is declared; the running cluster is not stopped
 * @throws {GW_ERR_PROCESS_FAILED} when a process cannot start
 * @throws {GW_ERR_QUERY_TIMEOUT} when what runs does not end
 */
export async function restart(context: CommandContext, flags: RestartFlags): Promise<number> {
  assertCanStart(context, flags);
  // A reader that is gone must not end the command between the stop and the start.
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
 * Ends the master without its processes. Another master attaches to them: in the background if the first one was
 * there, or started by the service manager of the first one, or else in this process.
 */
async function restartMaster(context: CommandContext, flags: RestartFlags): Promise<number> {
  const left = await requestLeave(context.options.pidFile);
  if (left === undefined) return await start(context, flags);
  print(`Master ${left.pid} has left; its processes keep running.\n`);
  if (left.isDaemon || flags.daemon === true) return await start(context, { daemon: true });
  const next = await awaitMaster(context.options.pidFile);
  if (next === undefined) return await start(context, flags);
  print(`Master ${next} has attached to them.\n`);
  return 0;
}

/** Waits for the master that a service manager starts; `undefined` when none comes. */
async function awaitMaster(pidFile: string): Promise<number | undefined> {
  const deadline = performance.now() + NEXT_MASTER_MS;
  while (performance.now() < deadline) {
    const pid = await findMaster(pidFile);
    if (pid !== undefined) return pid;
    await sleep(LOOK_MS);
  }
  return undefined;
}

function isNotRunning(error: unknown): error is GatewayWorkerError {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_NOT_RUNNING';
}
