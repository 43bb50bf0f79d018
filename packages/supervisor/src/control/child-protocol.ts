import {
  type Figures,
  parseFigures,
  type RoleStatus,
  type StopOptions,
  type WireError,
} from '@gatewayworker/core';
import { Role } from '../process-declaration.ts';
import { readBoolean, readField, readFields, readNumber, readString } from './json-value.ts';

/** Orders of a master to a process, over the control socket of that process. */
export const ChildCommand = {
  /** Answers a `ChildIdentity`. */
  identify: 'identify',
  /** Makes the sender the master of the process. Each part is a `ChildEvent`; the reply comes when the process ends. */
  attach: 'attach',
  /** The master is about to end on purpose: the process keeps running without a master. */
  detach: 'detach',
  /** Answers a `ChildReport`. */
  report: 'report',
  /** Answers at once; the socket closes when the process has ended. */
  stop: 'stop',
  /** Each part is a list of clients. */
  connections: 'connections',
  /** Reopens the log file after it was moved away. */
  reopenLog: 'reopenLog',
  /** Closes the inspector that the master has opened in the process. */
  closeInspector: 'closeInspector',
  /**
   * Starts another process of the same declaration, which shares the listening sockets. The parts are `{ pid }` and,
   * once its control socket is open, `{ isListening }`; the answer at its end is `{ code, signal }`. A process that
   * starts its successor hands its work over to it, and ends.
   */
  spawn: 'spawn',
} as const;
export type ChildCommand = (typeof ChildCommand)[keyof typeof ChildCommand];

/**
 * Version of these messages: a master attaches only to processes with the same one. `identify` and SIGTERM work with
 * every version.
 */
export const CHILD_PROTOCOL = 2;

/** Whether a process keeps running when its master has died. */
export const OnMasterExit = { keep: 'keep', stop: 'stop' } as const;
export type OnMasterExit = (typeof OnMasterExit)[keyof typeof OnMasterExit];

/** How a process is started. */
export interface LaunchOrder {
  /** Absolute path of Node.js. */
  readonly execPath: string;
  /** Options of Node.js. */
  readonly execArgv: readonly string[];
  /** Absolute path of the start file. */
  readonly startFile: string;
  /** Arguments after the start file. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command with its arguments. */
export type ChildOrder =
  | {
      readonly command: Exclude<ChildCommand, 'attach' | 'stop' | 'spawn'>;
    }
  | {
      readonly command: typeof ChildCommand.attach;
      readonly masterPid: number;
      readonly onMasterExit: OnMasterExit;
    }
  | ({ readonly command: typeof ChildCommand.stop } & StopOptions)
  | {
      readonly command: typeof ChildCommand.spawn;
      readonly launch: LaunchOrder;
      /** The process refuses the order after this time, in milliseconds since 1970. */
      readonly expiresAt: number;
      /** Whether the new process takes over from the process that starts it. */
      readonly isSuccessor: boolean;
    };

/** Identity of a process. */
export interface ChildIdentity {
  /** See `CHILD_PROTOCOL`. */
  readonly protocol: number;
  /** Version of the package. */
  readonly version: string;
  readonly role: Role;
  readonly name: string;
  readonly id: number;
  readonly pid: number;
  /** See `hashDeclaration`. */
  readonly declarationHash: string;
  /** Time since the process was started, in milliseconds. */
  readonly livedMs: number;
  readonly state: 'starting' | 'ready' | 'stopping';
}

/** Status and figures of a child. */
export interface ChildReport extends RoleStatus, Figures<'process'> {}

/** Why a child ends. */
export interface ChildFailure {
  readonly error: WireError;
  /** Where it happened; absent for an error of the framework, whose message is enough. */
  readonly stack?: string;
}

/** How a process ended. Code and signal are both null when only another process, its parent, knows them. */
export interface ChildExit {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** True when only its parent knows the exit, and that is another process or has ended. */
  readonly isUnknown?: boolean;
  /** End of its error output; absent when it is empty or unknown. */
  readonly output?: string;
  /** The error that ended it, or why the system could not create it. */
  readonly failure?: ChildFailure;
}

/** Events that a process sends to its master. */
export type ChildEvent =
  /** The sender of `attach` is its master from now on. */
  | { readonly event: 'attached' }
  /** Its runtime is ready. */
  | { readonly event: 'ready'; readonly report: ChildReport }
  /** It received SIGTERM; the master decides when it stops. */
  | { readonly event: 'terminated' }
  | { readonly event: 'failed'; readonly failure: ChildFailure };

/** Reads an order; `undefined` when it is not one. */
export function parseChildOrder(value: unknown): ChildOrder | undefined {
  const name = readString(value, 'command');
  const command = Object.values(ChildCommand).find((known) => known === name);
  switch (command) {
    case undefined:
      return undefined;
    case ChildCommand.attach: {
      const masterPid = readNumber(value, 'masterPid');
      const onMasterExit = parseOnMasterExit(readField(value, 'onMasterExit'));
      if (masterPid === undefined || onMasterExit === undefined) return undefined;
      return { command, masterPid, onMasterExit };
    }
    case ChildCommand.stop: {
      const stop = readFields(value, {
        isGraceful: 'boolean',
        timeoutMs: 'number',
        drainMs: 'number',
      });
      return stop && { command, ...stop };
    }
    case ChildCommand.spawn: {
      const launch = parseLaunch(readField(value, 'launch'));
      const expiresAt = readNumber(value, 'expiresAt');
      const isSuccessor = readBoolean(value, 'isSuccessor') ?? false;
      if (launch === undefined || expiresAt === undefined) return undefined;
      return { command, launch, expiresAt, isSuccessor };
    }
    default:
      return { command };
  }
}

/** Reads a value of `onMasterExit`; `undefined` when it is not one. */
export function parseOnMasterExit(value: unknown): OnMasterExit | undefined {
  return Object.values(OnMasterExit).find((known) => known === value);
}

/** Reads an answer to `identify`; `undefined` when it is not one. */
export function parseIdentity(value: unknown): ChildIdentity | undefined {
  const fields = readFields(value, {
    protocol: 'number',
    version: 'string',
    name: 'string',
    id: 'number',
    pid: 'number',
    declarationHash: 'string',
    livedMs: 'number',
  });
  const role = Object.values(Role).find((known) => known === readString(value, 'role'));
  const states = ['starting', 'ready', 'stopping'] as const;
  const state = states.find((known) => known === readString(value, 'state'));
  if (fields === undefined || role === undefined || state === undefined) return undefined;
  return { ...fields, role, state };
}

/** Reads an event; `undefined` when it is not one. */
export function parseChildEvent(value: unknown): ChildEvent | undefined {
  const event = readString(value, 'event');
  if (event === 'attached' || event === 'terminated') return { event };
  if (event === 'failed') {
    const failure = parseFailure(readField(value, 'failure'));
    return failure && { event, failure };
  }
  if (event !== 'ready') return undefined;
  const report = parseReport(readField(value, 'report'));
  return report && { event, report };
}

function parseLaunch(value: unknown): LaunchOrder | undefined {
  const paths = readFields(value, { execPath: 'string', startFile: 'string', cwd: 'string' });
  const execArgv = readField(value, 'execArgv');
  const args = readField(value, 'args');
  const env = readField(value, 'env');
  if (paths === undefined || !Array.isArray(execArgv) || !Array.isArray(args)) return undefined;
  if (typeof env !== 'object' || env === null) return undefined;
  const variables = Object.entries(env).map(([key, text]) => [key, String(text)] as const);
  return {
    ...{ ...paths, execArgv: execArgv.map(String), args: args.map(String) },
    env: Object.fromEntries(variables),
  };
}

/** Reads why a process ended; `undefined` when the reason is missing. */
function parseFailure(value: unknown): ChildFailure | undefined {
  const error = readFields(readField(value, 'error'), { code: 'string', message: 'string' });
  const stack = readString(value, 'stack');
  return error && { error, ...(stack === undefined ? {} : { stack }) };
}

/** Reads a report; `undefined` when it is not one. */
export function parseReport(value: unknown): ChildReport | undefined {
  const fields = readFields(value, { listen: 'string', ready: 'boolean' });
  const figures = parseFigures(Object(value), ['role', 'process']);
  return fields && figures && { ...fields, ...parseConditions(value), ...figures };
}

function parseConditions(value: unknown): Pick<ChildReport, 'notReadyReasons' | 'warnings'> {
  const [notReadyReasons, warnings] = ['notReadyReasons', 'warnings'].map((key) =>
    readField(value, key),
  );
  return { notReadyReasons: parseTexts(notReadyReasons), warnings: parseTexts(warnings) };
}

function parseTexts(texts: unknown): string[] {
  return Array.isArray(texts) ? texts.filter((text) => typeof text === 'string') : [];
}
