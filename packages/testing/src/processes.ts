import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Tells whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return processState(pid) !== 'Z';
}

/** Returns the pids of the running children of a process. Linux only; elsewhere empty. */
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
 * Ends a process and its children: sends SIGTERM, and kills those that still run after a grace period.
 *
 * @param graceMs - grace period, in milliseconds. @default 5_000
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

/** Ends the daemon of a pid file, if there is one, with its children. */
export async function endDaemon(pidFile: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return;
  }
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid)) await endProcess(pid);
}

/** Sends a signal to a process that may have ended. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function processState(pid: number): string | undefined {
  try {
    // The name in brackets may contain spaces and brackets: the state follows the last bracket.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[0];
  } catch {
    return undefined;
  }
}
