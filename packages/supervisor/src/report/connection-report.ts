import type { ConnectionStatus } from '@gatewayworker/protocol';
import { readField, readFields, readNumber, readString } from '../control/json-value.ts';
import { type Column, formatTable } from './text-table.ts';

/** One client in the output of `connections --json`. */
export interface ConnectionRow extends ConnectionStatus {
  /** The gateway process that holds it. */
  readonly pid: number;
  /** `name#id` of that process. */
  readonly gateway: string;
}

/** Some clients of one gateway process, sent by the master. */
export interface ConnectionPart {
  readonly pid: number;
  /** `name#id`. */
  readonly gateway: string;
  readonly connections: readonly ConnectionStatus[];
}

/** Reads a part that came from a master; `undefined` when it is not one. */
export function parseConnectionPart(value: unknown): ConnectionRow[] | undefined {
  const process = readFields(value, { pid: 'number', gateway: 'string' });
  const connections = readField(value, 'connections');
  if (process === undefined || !Array.isArray(connections)) return undefined;
  const rows: readonly ConnectionStatus[] = connections.filter(isConnection);
  return rows.map(({ clientId, ...rest }) => ({ clientId, ...process, ...rest }));
}

function isConnection(value: unknown): value is ConnectionStatus {
  return (
    readString(value, 'clientId') !== undefined &&
    readString(value, 'remoteAddress') !== undefined &&
    Array.isArray(readField(value, 'groups')) &&
    figures.every((key) => readNumber(value, key) !== undefined)
  );
}

const figures = ['bytesRead', 'bytesWritten', 'pendingBytes', 'inFlight'] as const;
const MAX_GROUP_CHARACTERS = 40;

const columns: readonly Column[] = [
  { title: 'client id' },
  { title: 'gateway' },
  { title: 'pid', align: 'right' },
  { title: 'worker' },
  { title: 'address' },
  { title: 'uid' },
  { title: 'groups' },
  { title: 'read', align: 'right' },
  { title: 'written', align: 'right' },
  { title: 'pending', align: 'right' },
  { title: 'in flight', align: 'right' },
];

/** Writes the clients as a table for a person; long lists of groups are shortened. */
export function formatConnections(rows: readonly ConnectionRow[]): string {
  return formatTable(
    columns,
    rows.map((row) => [
      row.clientId,
      row.gateway,
      String(row.pid),
      row.worker ?? '-',
      row.remoteAddress,
      shorten(escapeControls(row.uid ?? '')),
      escapeControls(shortenGroups(row.groups)),
      ...figures.map((key) => String(row[key])),
    ]),
  );
}

const MAX_UID_CHARACTERS = 40;

function shorten(text: string): string {
  return text.length <= MAX_UID_CHARACTERS ? text : `${text.slice(0, MAX_UID_CHARACTERS - 1)}…`;
}

/** Escapes control characters: uids and groups may come from clients, and must not control the terminal. */
function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function shortenGroups(groups: readonly string[]): string {
  let shown = '';
  for (const [index, group] of groups.entries()) {
    const next = index === 0 ? group : `${shown}, ${group}`;
    if (next.length > MAX_GROUP_CHARACTERS) {
      if (index === 0) return `${next.slice(0, MAX_GROUP_CHARACTERS)}…`;
      return `${shown} +${groups.length - index}`;
    }
    shown = next;
  }
  return shown;
}
