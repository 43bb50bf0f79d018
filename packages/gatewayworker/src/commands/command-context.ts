import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError } from '@gatewayworker/core';
import {
  isKept,
  type ResolvedRunOptions,
  readPidFile,
  removePidFile,
} from '@gatewayworker/supervisor';
import type { DeclaredProcess } from '../declared-processes.ts';
import type { Invocation } from '../invocation.ts';

/** What every command works on. */
export interface CommandContext {
  readonly options: ResolvedRunOptions;
  readonly declared: readonly DeclaredProcess[];
  readonly invocation: Invocation;
}

/** Time that a command waits for a master that is being started again, and how often it looks, in milliseconds. */
const reviveTimeoutMs = 5_000;
const reviveLookMs = 100;

/**
 * Asks the running master by `ask`, which answers undefined when there is none; waits for one that is
 * being started again.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when none runs; the pid file of one that was killed is removed
 */
export async function askRunning<T>(
  { startFile, pidFile, logFile }: ResolvedRunOptions,
  ask: (pidFile: string) => Promise<T | undefined>,
): Promise<T> {
  // Read first: a master that starts meanwhile writes another pid, and keeps its file.
  const pid = readPidFile(pidFile);
  const deadline = performance.now() + reviveTimeoutMs;
  for (;;) {
    const answer = await ask(pidFile);
    if (answer !== undefined) return answer;
    if (!(await isKept(pidFile))) {
      // The new master may have come since, and with it another keeper.
      const late = await ask(pidFile);
      if (late !== undefined) return late;
      break;
    }
    if (performance.now() > deadline) {
      const message = `the master of ${basename(startFile)} was killed and is being started again; see ${logFile}`;
      throw new GatewayWorkerError('GW_ERR_CLUSTER_NOT_RUNNING', message);
    }
    await sleep(reviveLookMs);
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
