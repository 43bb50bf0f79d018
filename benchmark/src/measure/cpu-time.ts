import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/** CPU time that processes have taken so far, user and system, in seconds. Linux only. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseCpuSeconds(readStat(pid)), 0);
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (cause) {
    throw new Error(`process ${pid} has ended while it was measured`, { cause });
  }
}

/** Reads the CPU time out of the text of `/proc/<pid>/stat`. */
export function parseCpuSeconds(stat: string): number {
  // The name in brackets may hold spaces and brackets itself: the fields begin behind the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
