import { readFileSync } from 'node:fs';

/** Returns the private memory of processes in bytes; shared memory would count twice. Linux only. */
export function privateBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parsePrivateBytes(readRollup(pid)), 0);
}

function readRollup(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch (cause) {
    throw new Error(`process ${pid} ended during the measurement`, { cause });
  }
}

/** Parses the private memory in the text of `/proc/<pid>/smaps_rollup`. */
export function parsePrivateBytes(rollup: string): number {
  const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
  return kilobytes.reduce((sum, match) => sum + Number(match[1]) * 1024, 0);
}
