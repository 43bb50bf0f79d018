import { parseJson, readField, readNumber, readString } from './json-value.ts';
import { Role } from './process-declaration.ts';

/** How a process whose master was killed introduces itself to the next master: a JSON line over the control socket. */
export interface Orphan {
  readonly role: Role;
  readonly name: string;
  readonly id: number;
  readonly pid: number;
  /** Time since it was made, in milliseconds. */
  readonly livedMs: number;
  /** Time that it has left to stop, in milliseconds; null when it has not been told to. */
  readonly endsInMs: number | null;
}

/** How often an orphan looks for a new master, in milliseconds. */
export const orphanDialMs = 200;

/** Writes an introduction, with the end of its line. */
export function formatOrphan(orphan: Orphan): string {
  return `${JSON.stringify({ orphan })}\n`;
}

/** Reads an introduction; `undefined` when the line is not one. */
export function parseOrphan(line: string): Orphan | undefined {
  const value = readField(parseJson(line), 'orphan');
  const role = Object.values(Role).find((known) => known === readString(value, 'role'));
  const name = readString(value, 'name');
  const id = readNumber(value, 'id');
  const pid = readNumber(value, 'pid');
  const livedMs = readNumber(value, 'livedMs');
  const endsInMs = readNumber(value, 'endsInMs') ?? null;
  if (role === undefined || name === undefined || id === undefined) return undefined;
  // Of 1 and less a signal would reach others than the orphan.
  if (pid === undefined || !Number.isInteger(pid) || pid <= 1) return undefined;
  return livedMs === undefined ? undefined : { role, name, id, pid, livedMs, endsInMs };
}
