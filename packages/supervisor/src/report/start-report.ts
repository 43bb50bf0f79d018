import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessHealth } from './health-report.ts';
import { ProcessState } from './status-report.ts';
import { type Column, formatTable } from './text-table.ts';

/** One declaration after the start. */
export interface StartRow {
  readonly role: string;
  readonly name: string;
  readonly processes: number;
  /** How many of them are ready. */
  readonly ready: number;
  /** How many have not finished their start. */
  readonly starting: number;
  readonly listen: string;
}

/** What `start` has started. */
export interface StartReport {
  /** Pid of the master. */
  readonly pid: number;
  /** Pid in the file that an earlier master left behind because it was killed; null when there was none. */
  readonly stalePid: number | null;
  /** How many processes ran without a master and have it now. */
  readonly attached: number;
  /** What the operator should know, one sentence each. */
  readonly warnings: readonly string[];
  /** Processes that failed to start and are tried again, one sentence each. */
  readonly failures: readonly string[];
  /** In the order of the declarations. */
  readonly rows: readonly StartRow[];
  /** Why processes are not ready, one line each; empty when all are. */
  readonly reasons: readonly string[];
}

/** A place of a declaration. */
export interface StartedSlot {
  readonly declaration: ProcessDeclaration;
  readonly state: ProcessState;
  readonly listen: string;
}

/** Counts the places of each declaration that have started, and those that are ready. */
export function describeStart(
  declarations: readonly ProcessDeclaration[],
  places: readonly StartedSlot[],
  health: readonly ProcessHealth[],
): StartRow[] {
  return declarations.map((declaration) => {
    const { role, name, count } = declaration;
    const own = places.filter((place) => place.declaration === declaration);
    const started = own.filter(({ state }) => state === ProcessState.ready).length;
    const ready = health.filter((one) => one.role === role && one.name === name && one.ready);
    const listen = own[0]?.listen ?? '';
    return { role, name, processes: count, ready: ready.length, starting: count - started, listen };
  });
}

/**
 * Writes the table that `start` prints.
 *
 * @param colour - whether the output understands escape sequences
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
