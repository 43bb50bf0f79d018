import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Tells whether a process runs; one that has ended and is not collected yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return processState(pid) !== 'Z';
}

/** Pids of the processes that a process has started and that have not ended. Linux only; elsewhere empty. */
export function childPids(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
    );
  } catch {
    return [];
  }
}

/**
 * Ends a process and what it has started: asks it to stop, and kills those that are still there after a while.
 *
 * @param graceMs - time to stop by itself. @default 5_000
 */
export async function endProcess(pid: number, graceMs = 5_000): Promise<void> {
  const family = [pid, ...childPids(pid)];
  signal(pid, 'SIGTERM');
  try {
    await eventually(() => !family.some(isAlive), { timeoutMs: graceMs });
  } catch {
    for (const member of [...family, ...childPids(pid)]) signal(member, 'SIGKILL');
    await eventually(() => !family.some(isAlive), { timeoutMs: 2_000 });
  }
}

/** Ends the daemon whose pid stands in a pid file, with what it has started; there may be none. */
export async function endDaemon(pidFile: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return;
  }
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid)) await endProcess(pid);
}

/** Sends a signal to a process that may be gone. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function processState(pid: number): string | undefined {
  try {
    // The name in brackets may hold spaces and brackets itself: the state stands behind the last one.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[0];
  } catch {
    return undefined;
  }
}
