import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessHealth } from './health-report.ts';
import { ProcessState } from './status-report.ts';
import { type Column, formatTable } from './text-table.ts';

/** A row of the start table: one declaration. */
export interface StartRow {
  readonly role: string;
  readonly name: string;
  readonly processes: number;
  /** Number of ready processes. */
  readonly ready: number;
  /** Number of processes that are still starting. */
  readonly starting: number;
  readonly listen: string;
}

/** Result of `start`. */
export interface StartReport {
  /** Pid of the master. */
  readonly pid: number;
  /** Pid in the pid file of a killed master; null when there was no such file. */
  readonly stalePid: number | null;
  /** Number of processes that ran without a master, and that it has attached to. */
  readonly attached: number;
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
  /** Processes that failed to start and are tried again, one sentence each. */
  readonly failures: readonly string[];
  /** In the order of the declarations. */
  readonly rows: readonly StartRow[];
  /** Why processes are not ready, one line each; empty when all are. */
  readonly reasons: readonly string[];
}

/** A slot of a declaration. */
export interface StartedSlot {
  readonly declaration: ProcessDeclaration;
  readonly state: ProcessState;
  readonly listen: string;
}

/** Counts the started and the ready processes of each declaration. */
export function describeStart(
  declarations: readonly ProcessDeclaration[],
  slots: readonly StartedSlot[],
  health: readonly ProcessHealth[],
): StartRow[] {
  return declarations.map((declaration) => {
    const { role, name, count } = declaration;
    const own = slots.filter((slot) => slot.declaration === declaration);
    const started = own.filter(({ state }) => state === ProcessState.ready).length;
    const ready = health.filter((one) => one.role === role && one.name === name && one.ready);
    const listen = own[0]?.listen ?? '';
    return { role, name, processes: count, ready: ready.length, starting: count - started, listen };
  });
}

/**
 * Formats the table that `start` prints.
 *
 * @param colour - whether the output supports escape sequences
 */
export function formatStart(report: StartReport, colour: boolean): string {
  const columns: readonly Column[] = [
    { title: 'role' },
    { title: 'name' },
    { title: 'processes', align: 'right' },
    { title: 'listening' },
    { title: 'state', ...(colour && { paint: paintState }) },
  ];
  const rows = report.rows.map((row) => [
    row.role,
    row.name,
    String(row.processes),
    row.listen,
    describeState(row),
  ]);
  return formatTable(columns, rows);
}

function describeState(row: StartRow): string {
  if (row.ready === row.processes) return '[ok]';
  const state = row.starting > 0 ? ProcessState.starting : ProcessState.unready;
  return `[${state} ${row.ready}/${row.processes}]`;
}

function paintState(cell: string): string {
  return cell.startsWith('[ok]') ? `\x1b[32m${cell}\x1b[39m` : `\x1b[33m${cell}\x1b[39m`;
}
