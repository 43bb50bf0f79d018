import { readFileSync } from 'node:fs';

/** Linux reports CPU time in hundredths of a second, independent of the kernel clock. */
const TICKS_PER_SECOND = 100;

/** Returns the user and system CPU time of processes so far, in seconds. Linux only. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseCpuSeconds(readStat(pid)), 0);
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (cause) {
    throw new Error(`process ${pid} ended during the measurement`, { cause });
  }
}

/** Parses the CPU time in the text of `/proc/<pid>/stat`. */
export function parseCpuSeconds(stat: string): number {
  // The name in brackets may contain spaces and brackets: the fields follow the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
