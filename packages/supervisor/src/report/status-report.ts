import { type FigureName, type Figures, type FigureUnit, figureEntries } from '@gatewayworker/core';
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

/** Figures of a process; null when the process did not answer. */
type NullableFigures = { readonly [N in FigureName]: Figures[N] | null };

/** One process in the output of `status --json`, with its figures: see `statusFigures`. */
export interface ProcessStatus extends NullableFigures {
  /** Null while there is no process, between its end and its next start. */
  readonly pid: number | null;
  readonly role: string;
  readonly name: string;
  readonly id: number;
  readonly state: ProcessState;
  /** Why it is not ready, in plain words; empty when it is. */
  readonly reasons: readonly string[];
  readonly listen: string;
  readonly restarts: number;
  /** Number of exits by exit code, signal or `unknown`. */
  readonly exits: Readonly<Record<string, number>>;
  readonly lastExit: LastExit | null;
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
  ...figureEntries.flatMap(([, { column: title, dropOrder }]): Column[] =>
    title === undefined ? [] : [{ title, align: 'right', ...(dropOrder && { dropOrder }) }],
  ),
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
    ...figureEntries.flatMap(([name, { column, unit }]) =>
      column === undefined ? [] : [formatFigure(process[name], unit)],
    ),
    formatExit(process.lastExit),
    `[${process.state === ProcessState.ready ? 'ok' : process.state}]`,
  ];
}

function formatFigure(value: Figures[FigureName] | null, unit: FigureUnit): string {
  if (typeof value !== 'number') return '-';
  switch (unit) {
    case 'bytes':
      return `${(value / 1_048_576).toFixed(1)}M`;
    case 'milliseconds':
      return `${value.toFixed(1)}ms`;
    case 'perSecond':
      return String(Math.round(value));
    case 'seconds':
      return formatDuration(value);
    default:
      return String(value);
  }
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
