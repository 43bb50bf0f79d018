import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError } from '@gatewayworker/core';
import {
  isRestorePending,
  type ResolvedRunOptions,
  readOrphanStatus,
  readPidFile,
  removePidFile,
} from '@gatewayworker/supervisor';
import type { DeclaredProcess } from '../declared-processes.ts';
import type { Invocation } from '../invocation.ts';
import { printError } from '../terminal.ts';

/** What every command works on. */
export interface CommandContext {
  readonly options: ResolvedRunOptions;
  readonly declared: readonly DeclaredProcess[];
  readonly invocation: Invocation;
}

/** How a command is answered. */
export interface Asked<T> {
  /** Asks the running master; resolves with `undefined` when there is none. */
  readonly master: (pidFile: string) => Promise<T | undefined>;
  /** Asks the processes that run without a master; resolves with `undefined` when there are none. @default they cannot answer */
  readonly orphans?: (pidFile: string) => Promise<T | undefined>;
}

/** How often a command looks again whether a master has written its files again, in milliseconds. */
const LOOK_MS = 100;

/**
 * Asks the running master or, without one, the processes that it has left.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when neither can answer; the pid file of a master that was killed is
 * removed when no process runs
 */
export async function askRunning<T>(context: CommandContext, asked: Asked<T>): Promise<T> {
  const { options, invocation } = context;
  const { startFile, pidFile } = options;
  // Read first: a master that starts meanwhile writes another pid, and keeps its file.
  const pid = readPidFile(pidFile);
  let answer = await asked.master(pidFile);
  while (answer === undefined && isRestorePending(pidFile)) {
    await sleep(LOOK_MS);
    answer = await asked.master(pidFile);
  }
  if (answer !== undefined) return answer;
  const advice = `no master runs; "${invocation.program} start" attaches to its processes`;
  if (asked.orphans === undefined) {
    if ((await readOrphanStatus(pidFile, context.declared)) !== undefined) {
      throw new GatewayWorkerError('GW_ERR_CLUSTER_NOT_RUNNING', advice);
    }
  } else {
    const own = await asked.orphans(pidFile);
    if (own !== undefined) {
      printError(`${advice}\n`);
      return own;
    }
  }
  let note = '';
  if (pid !== undefined) {
    removePidFile(pidFile, pid);
    note = ` (removed ${describeStale(pidFile, pid)})`;
  }
  const message = `${basename(startFile)} is not running${note}`;
  throw new GatewayWorkerError('GW_ERR_CLUSTER_NOT_RUNNING', message);
}

/** Names the pid file of a master that was killed. */
export function describeStale(pidFile: string, pid: number): string {
  return `${pidFile}, which process ${pid} had left behind`;
}
