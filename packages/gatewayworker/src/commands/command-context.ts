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

/** Input of every command. */
export interface CommandContext {
  readonly options: ResolvedRunOptions;
  readonly declared: readonly DeclaredProcess[];
  readonly invocation: Invocation;
}

/** How a command reaches a cluster. */
export interface CommandTargets<T> {
  /** Sends the command to the running master; resolves with `undefined` when there is none. */
  readonly master: (pidFile: string) => Promise<T | undefined>;
  /** Sends it to the processes that run without a master; `undefined` when there are none. @default the command needs a master */
  readonly orphans?: (pidFile: string) => Promise<T | undefined>;
}

/** Interval at which a command checks whether a master has restored its files, in milliseconds. */
const POLL_INTERVAL_MS = 100;

/**
 * Sends a command to the running master or, without one, to its orphans.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when neither runs, or the command needs a master; the pid file of a killed master is
 * removed when no process runs
 */
export async function sendCommand<T>(
  context: CommandContext,
  targets: CommandTargets<T>,
): Promise<T> {
  const { options, invocation } = context;
  const { startFile, pidFile } = options;
  // Read it before the request: a master that starts now writes another pid, and its file must stay.
  const pid = readPidFile(pidFile);
  let answer = await targets.master(pidFile);
  while (answer === undefined && isRestorePending(pidFile)) {
    await sleep(POLL_INTERVAL_MS);
    answer = await targets.master(pidFile);
  }
  if (answer !== undefined) return answer;
  const advice = `no master runs; "${invocation.program} start" attaches to its processes`;
  if (targets.orphans === undefined) {
    if ((await readOrphanStatus(pidFile, context.declared)) !== undefined) {
      throw new GatewayWorkerError('GW_ERR_CLUSTER_NOT_RUNNING', advice);
    }
  } else {
    const ownAnswer = await targets.orphans(pidFile);
    if (ownAnswer !== undefined) {
      printError(`${advice}\n`);
      return ownAnswer;
    }
  }
  let note = '';
  if (pid !== undefined) {
    removePidFile(pidFile, pid);
    note = ` (removed ${describeStaleFile(pidFile, pid)})`;
  }
  const message = `${basename(startFile)} is not running${note}`;
  throw new GatewayWorkerError('GW_ERR_CLUSTER_NOT_RUNNING', message);
}

/** Describes the pid file of a killed master; its pid may belong to another program by now. */
export function describeStaleFile(pidFile: string, pid: number): string {
  return `stale pid file ${pidFile} (pid ${pid})`;
}
