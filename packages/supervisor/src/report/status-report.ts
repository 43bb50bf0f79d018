import { readField } from '../control/json-value.ts';
import { type Column, formatTable } from './text-table.ts';

/** State of a process, as its master knows it. */
export const ProcessState = {
  /** Started, not ready yet. */
  starting: 'starting',
  ready: 'ready',
  /** Answers, and reports that it is not ready. */
  unready: 'unready',
  /** Does not answer. */
  busy: 'busy',
  /** Ended; is restarted after a delay. */
  waiting: 'waiting',
  stopping: 'stopping',
  stopped: 'stopped',
  /** Stopped by `drain`, while other processes keep running. */
  drained: 'drained',
} as const;
export type ProcessState = (typeof ProcessState)[keyof typeof ProcessState];

/** Exit of a process whose parent has not reported how it ended. */
export const unknownExit = 'unknown';

/** How a process ended the last time: by an exit code or by a signal; both are null when that is unknown. */
export interface LastExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One process in the output of `status --json`; figures are null when the process did not answer. */
export interface ProcessStatus {
  /** Null while there is no process, between its end and its next start. */
  readonly pid: number | null;
  readonly role: string;
  readonly name: string;
  readonly id: number;
  readonly state: ProcessState;
  /** Why it is not ready, in plain words; empty when it is. */
  readonly reasons: readonly string[];
  readonly listen: string;
  /** Resident memory in bytes. */
  readonly memory: number | null;
  readonly connections: number | null;
  readonly inFlight: number | null;
  readonly sent: number | null;
  readonly received: number | null;
  readonly failedSends: number | null;
  readonly requests: number | null;
  /** How often each limit took effect, by its name; only in `--json`. */
  readonly limits: Readonly<Record<string, number>> | null;
  /** How many entries each table has, by its name; only in `--json`. */
  readonly tables: Readonly<Record<string, number>> | null;
  /** Messages received and queries answered per second, over the last full second. */
  readonly qps: number | null;
  /** 99th percentile of the last 5 to 10 seconds, in milliseconds. */
  readonly eventLoopLagMs: number | null;
  /** Lines of its log and of printed output that were dropped because they could not be written; only in `--json`. */
  readonly droppedLines: number | null;
  readonly uptimeSeconds: number | null;
  readonly restarts: number;
  readonly lastExit: LastExit | null;
  /** Number of exits by exit code, signal or `unknown`; only in `--json`. */
  readonly exits: Readonly<Record<string, number>>;
  /** Stack of a busy process, lines that begin with `    at `; null when it is not busy, or was started by another process. */
  readonly stack: string | null;
}

/** What `status --json` prints. */
export interface StatusReport {
  /** The master first, then the processes in the order of their declaration. */
  readonly processes: readonly ProcessStatus[];
}

/** Reads the answer of a master; `undefined` when it is not a report. */
export function parseStatusReport(value: unknown): StatusReport | undefined {
  return Array.isArray(readField(value, 'processes')) ? (value as StatusReport) : undefined;
}

/** On a narrow terminal name and state are dropped last, after memory, connections and uptime. */
const columns: readonly Column[] = [
  { title: 'pid', align: 'right' },
  { title: 'role', dropOrder: 6 },
  { title: 'name' },
  { title: 'id', align: 'right' },
  { title: 'listening', dropOrder: 9 },
  { title: 'memory', align: 'right', dropOrder: 14 },
  { title: 'connections', align: 'right', dropOrder: 13 },
  { title: 'in flight', align: 'right', dropOrder: 5 },
  { title: 'sent', align: 'right', dropOrder: 3 },
  { title: 'received', align: 'right', dropOrder: 4 },
  { title: 'failed sends', align: 'right', dropOrder: 1 },
  { title: 'requests', align: 'right', dropOrder: 2 },
  { title: 'qps', align: 'right', dropOrder: 10 },
  { title: 'lag', align: 'right', dropOrder: 11 },
  { title: 'uptime', align: 'right', dropOrder: 12 },
  { title: 'restarts', align: 'right', dropOrder: 8 },
  { title: 'last exit', dropOrder: 7 },
  { title: 'state' },
];

/**
 * Formats a report as a table for a terminal.
 *
 * @param maxWidth - columns of the terminal. @default no limit
 */
export function formatStatus(report: StatusReport, maxWidth?: number): string {
  const stacks = report.processes.flatMap(({ pid, name, id, stack }) =>
    stack === null ? [] : [`\n${name} #${id} (${pid}) does not answer; it is\n${stack}\n`],
  );
  const table = formatTable(columns, report.processes.map(formatProcess), maxWidth);
  // Other states need no explanation, nor does a stack.
  const unready = report.processes.filter(
    ({ state, stack }) => explainedStates.includes(state) && stack === null,
  );
  const reasons = describeReasons(unready).map((line) => `${line}\n`);
  return [table, ...(reasons.length > 0 ? ['\n', ...reasons] : []), ...stacks].join('');
}

const explainedStates: readonly ProcessState[] = ['starting', 'unready', 'busy', 'waiting'];

/** Formats the reasons of unready processes, one line each, such as `gate#0: no register is linked`. */
export function describeReasons(
  processes: readonly {
    readonly name: string;
    readonly id: number;
    readonly reasons: readonly string[];
  }[],
): string[] {
  return processes
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ name, id, reasons }) => `${name}#${id}: ${reasons.join('; ')}`);
}

function formatProcess(process: ProcessStatus): string[] {
  return [
    formatNumber(process.pid),
    process.role,
    process.name,
    String(process.id),
    process.listen,
    process.memory === null ? '-' : `${(process.memory / 1_048_576).toFixed(1)}M`,
    formatNumber(process.connections),
    formatNumber(process.inFlight),
    formatNumber(process.sent),
    formatNumber(process.received),
    formatNumber(process.failedSends),
    formatNumber(process.requests),
    process.qps === null ? '-' : String(Math.round(process.qps)),
    process.eventLoopLagMs === null ? '-' : `${process.eventLoopLagMs.toFixed(1)}ms`,
    process.uptimeSeconds === null ? '-' : formatDuration(process.uptimeSeconds),
    String(process.restarts),
    formatExit(process.lastExit),
    `[${process.state === ProcessState.ready ? 'ok' : process.state}]`,
  ];
}

function formatNumber(value: number | null): string {
  return value === null ? '-' : String(value);
}

function formatExit(exit: LastExit | null): string {
  if (exit === null) return '';
  return exit.signal ?? (exit.code === null ? unknownExit : `code ${exit.code}`);
}

function formatDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3_600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days > 0) return `${days}d ${hours}h`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  if (minutes > 0) return `${minutes}m ${whole % 60}s`;
  return `${whole}s`;
}
