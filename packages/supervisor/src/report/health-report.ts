import { GatewayWorkerError } from '@gatewayworker/core';
import { readBoolean, readField } from '../control/json-value.ts';
import { type Column, formatTable } from './text-table.ts';

/** Liveness and readiness of a process. */
export interface ProcessHealth {
  /** Null while there is no process. */
  readonly pid: number | null;
  readonly role: string;
  readonly name: string;
  readonly id: number;
  /**
   * False when it should answer and has not done so within 1 s. A process that is down, starting or stopping counts as
   * live: its master handles it.
   */
  readonly live: boolean;
  readonly ready: boolean;
  /** Why it is not ready, in plain words; empty when it is. */
  readonly reasons: readonly string[];
  /** Faults that do not affect its readiness, in plain words. */
  readonly warnings: readonly string[];
}

/** Output of `health --json` and, without pids, of probes. */
export interface HealthReport {
  /** True when every process is live. */
  readonly live: boolean;
  /** True when every process is ready. */
  readonly ready: boolean;
  /** The master first, then the processes in the order of their declaration. */
  readonly processes: readonly ProcessHealth[];
}

/** Creates the report of some processes. */
export function reportHealth(processes: readonly ProcessHealth[]): HealthReport {
  return {
    live: processes.every(({ live }) => live),
    ready: processes.every(({ ready }) => ready),
    processes,
  };
}

/**
 * Selects the processes of a role or, if there is no such role, of a name.
 *
 * @param name - role, or name of a declaration; all processes when it is absent
 * @throws {GW_ERR_NOT_DECLARED} when there is no such process
 */
export function selectHealth(report: HealthReport, name: string | undefined): HealthReport {
  if (name === undefined) return report;
  const { processes } = report;
  const ofRole = processes.filter(({ role }) => role === name);
  const chosen = ofRole.length > 0 ? ofRole : processes.filter((process) => process.name === name);
  if (chosen.length > 0) return reportHealth(chosen);
  const known = [...new Set(processes.flatMap((process) => [process.role, process.name]))];
  const message = `there is no process of the role or name "${name}"; known: ${known.join(', ')}`;
  throw new GatewayWorkerError('GW_ERR_NOT_DECLARED', message);
}

/** Reads the answer of a master; `undefined` when it is not a report. */
export function parseHealthReport(value: unknown): HealthReport | undefined {
  const isReport =
    readBoolean(value, 'live') !== undefined &&
    readBoolean(value, 'ready') !== undefined &&
    Array.isArray(readField(value, 'processes'));
  return isReport ? (value as HealthReport) : undefined;
}

const columns: readonly Column[] = [
  { title: 'pid', align: 'right' },
  { title: 'role' },
  { title: 'name' },
  { title: 'id', align: 'right' },
  { title: 'live' },
  { title: 'ready' },
  { title: 'remarks' },
];

/** Writes a report as a table for a person. */
export function formatHealth({ processes }: HealthReport): string {
  const rows = processes.map(({ pid, role, name, id, live, ready, reasons, warnings }) => [
    pid === null ? '-' : String(pid),
    role,
    name,
    String(id),
    live ? 'yes' : 'no',
    ready ? 'yes' : 'no',
    [...reasons, ...warnings].join('; '),
  ]);
  return formatTable(columns, rows);
}
