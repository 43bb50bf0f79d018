import { parseJson, readBoolean, readNumber, readString } from './json-value.ts';

/** What the master tells a child through its environment, before the child runs any code. */
export interface ChildAssignment {
  /** Place among the declarations of the start file, from 0. */
  readonly declaration: number;
  /** Role of that declaration, to notice a start file that declares something else in each process. */
  readonly role: string;
  /** Name of that declaration. */
  readonly name: string;
  /** 0-based number among the processes of the declaration. */
  readonly id: number;
  /** Absolute path. */
  readonly logFile: string;
  readonly logToStdout: boolean;
  /** Time to stop by itself once the master is gone, in milliseconds. */
  readonly stopTimeoutMs: number;
}

/** Environment variable that makes a process a child; holds a `ChildAssignment` as JSON. */
export const childVariable = 'GATEWAYWORKER_CHILD';

/** Reads an assignment; `undefined` when the text is not one. */
export function parseChildAssignment(text: string): ChildAssignment | undefined {
  const value = parseJson(text);
  const declaration = readNumber(value, 'declaration');
  const role = readString(value, 'role');
  const name = readString(value, 'name');
  const id = readNumber(value, 'id');
  const logFile = readString(value, 'logFile');
  const logToStdout = readBoolean(value, 'logToStdout');
  const stopTimeoutMs = readNumber(value, 'stopTimeoutMs');
  if (declaration === undefined || id === undefined || stopTimeoutMs === undefined)
    return undefined;
  if (role === undefined || name === undefined) return undefined;
  if (logFile === undefined || logToStdout === undefined) return undefined;
  return { declaration, role, name, id, logFile, logToStdout, stopTimeoutMs };
}
