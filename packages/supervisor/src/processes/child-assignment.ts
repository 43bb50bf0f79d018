import { type OnMasterExit, parseOnMasterExit } from '../control/child-protocol.ts';
import {
  parseJson,
  readBoolean,
  readField,
  readFields,
  readString,
} from '../control/json-value.ts';
import { Role } from '../process-declaration.ts';

/** What a child is, passed by its master in an environment variable. */
export interface ChildAssignment {
  /** 0-based index among the declarations of the start file. */
  readonly declaration: number;
  /** Role of that declaration, to detect a start file that declares something else in each process. */
  readonly role: Role;
  /** Name of that declaration. */
  readonly name: string;
  /** 0-based number among the processes of the declaration. */
  readonly id: number;
  /** Absolute path. */
  readonly logFile: string;
  readonly logToStdout: boolean;
  /** One of pino's levels. */
  readonly logLevel: string;
  /** Time for a stop without a master, in milliseconds. */
  readonly stopTimeoutMs: number;
  /** Absolute path of the pid file; the run directory with all control sockets is beside it. */
  readonly pidFile: string;
  /** What the process does when its master dies. */
  readonly onMasterExit: OnMasterExit;
  /** Whether it takes over from the process that starts it. */
  readonly isSuccessor: boolean;
  /** Whether the process writes its output to log or terminal itself, because no master reads it. */
  readonly isOutputDetached: boolean;
}

/** Environment variable that makes a process a child; holds a `ChildAssignment` as JSON. */
export const childVariable = 'GATEWAYWORKER_CHILD';

/** Reads an assignment; `undefined` when the text is not one. */
export function parseChildAssignment(text: string): ChildAssignment | undefined {
  const value = parseJson(text);
  const role = Object.values(Role).find((known) => known === readString(value, 'role'));
  const onMasterExit = parseOnMasterExit(readField(value, 'onMasterExit'));
  const fields = readFields(value, {
    declaration: 'number',
    name: 'string',
    id: 'number',
    logFile: 'string',
    logToStdout: 'boolean',
    logLevel: 'string',
    stopTimeoutMs: 'number',
    pidFile: 'string',
    isOutputDetached: 'boolean',
  });
  if (fields === undefined || role === undefined || onMasterExit === undefined) return undefined;
  // A master of an older version does not set it.
  const isSuccessor = readBoolean(value, 'isSuccessor') ?? false;
  return { ...fields, role, onMasterExit, isSuccessor };
}
