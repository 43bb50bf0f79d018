import { type OnMasterExit, parseOnMasterExit } from '../control/child-protocol.ts';
import {
  parseJson,
  readBoolean,
  readField,
  readFields,
  readString,
} from '../control/json-value.ts';
import { Role } from '../process-declaration.ts';

/** What the master tells a child through its environment, before the child runs any code. */
export interface ChildAssignment {
  /** Place among the declarations of the start file, from 0. */
  readonly declaration: number;
  /** Role of that declaration, to notice a start file that declares something else in each process. */
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
  /** Time to stop by itself once the master is gone, in milliseconds. */
  readonly stopTimeoutMs: number;
  /** That of the master: the control sockets of all processes are in the run directory beside it. Absolute path. */
  readonly pidFile: string;
  /** What the process does when its master dies. */
  readonly onMasterExit: OnMasterExit;
  /** Whether it takes over from the process that starts it. */
  readonly isSuccessor: boolean;
  /** Whether the master does not read what the process prints. */
  readonly printsAlone: boolean;
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
    printsAlone: 'boolean',
  });
  if (fields === undefined || role === undefined || onMasterExit === undefined) return undefined;
  // Absent in what a master of an older version gives.
  const isSuccessor = readBoolean(value, 'isSuccessor') ?? false;
  return { ...fields, role, onMasterExit, isSuccessor };
}
