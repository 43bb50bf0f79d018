import { basename } from 'node:path';
import { GatewayWorkerError } from '@gatewayworker/core';
import { type ResolvedRunOptions, readPidFile, removePidFile } from '@gatewayworker/supervisor';
import type { DeclaredProcess } from '../declared-processes.ts';

/** What every command works on. */
export interface CommandContext {
  readonly options: ResolvedRunOptions;
  readonly declared: readonly DeclaredProcess[];
}

/**
 * Asks the running master by `ask`, which answers undefined when there is none.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when none runs; the pid file of one that was killed is removed
 */
export async function askRunning<T>(
  { startFile, pidFile }: ResolvedRunOptions,
  ask: (pidFile: string) => Promise<T | undefined>,
): Promise<T> {
  // Read first: a master that starts meanwhile writes another pid, and keeps its file.
  const pid = readPidFile(pidFile);
  const answer = await ask(pidFile);
  if (answer !== undefined) return answer;
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
