import type { RoleStatus, StopOptions, WireError } from '@gatewayworker/core';
import { readBoolean, readField, readNumber, readString } from './json-value.ts';
import { Role } from './process-declaration.ts';

/** What a master asks of a process, over the control socket of that process. */
export const ChildCommand = {
  /** Answers a `ChildIdentity`. */
  identify: 'identify',
  /** Makes the asker the master of the process. Has a `ChildEvent` for each part, and ends with the process. */
  attach: 'attach',
  /** The master leaves on purpose: the process keeps running without one. */
  detach: 'detach',
  /** Answers a `ChildReport`. */
  report: 'report',
  /** Answers at once; the socket closes when the process has ended. */
  stop: 'stop',
  /** Has a list of clients for each part. */
  connections: 'connections',
  /** Opens the log file again, which was moved away. */
  reopenLog: 'reopenLog',
  /** Ends the inspector that the master has started in the process. */
  closeInspector: 'closeInspector',
  /**
   * Starts another process of the same declaration, which shares the listening sockets. Has `{ pid }` and, once
   * its control socket is open, `{ isListening }` for parts; answers `{ code, signal }` at its end.
   */
  spawn: 'spawn',
} as const;
export type ChildCommand = (typeof ChildCommand)[keyof typeof ChildCommand];

/** Changes when a master and a process of different versions cannot talk; `identify` and SIGTERM stay as they are. */
export const childProtocol = 1;

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
  /** Behind the start file. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command with what it needs. */
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
      /** When the asker gives up, in milliseconds since 1970. */
      readonly expiresAt: number;
    };

/** Which process it is. */
export interface ChildIdentity {
  /** See `childProtocol`. */
  readonly protocol: number;
  /** Version of the package. */
  readonly version: string;
  readonly role: Role;
  readonly name: string;
  readonly id: number;
  readonly pid: number;
  /** See `hashDeclaration`. */
  readonly declarationHash: string;
  /** Time since it was made, in milliseconds. */
  readonly livedMs: number;
  readonly state: 'starting' | 'ready' | 'stopping';
}

/** What a child reports about itself when it is asked. */
export interface ChildReport extends RoleStatus {
  /** Resident memory in bytes. */
  readonly memory: number;
  /** Messages received and queries answered per second, over the last full second. */
  readonly qps: number;
  /** 99th percentile of how late the event loop came round in the last 5 to 10 seconds, in milliseconds. */
  readonly eventLoopLagMs: number;
  /** Lines of the log and of printed output that were dropped because they could not be written. */
  readonly droppedLines: number;
}

/** Why a child ends. */
export interface ChildFailure {
  readonly error: WireError;
  /** Where it happened; absent for an error of the framework, whose message says it all. */
  readonly stack?: string;
}

/** What a process tells its master without being asked. */
export type ChildEvent =
  /** The asker is its master from now on. */
  | { readonly event: 'attached' }
  /** It does its work. */
  | { readonly event: 'ready'; readonly report: ChildReport }
  /** It received SIGTERM, and leaves it to the master to stop it. */
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
      const stop = parseStop(value);
      return stop && { command, ...stop };
    }
    case ChildCommand.spawn: {
      const launch = parseLaunch(readField(value, 'launch'));
      const expiresAt = readNumber(value, 'expiresAt');
      return launch && expiresAt !== undefined ? { command, launch, expiresAt } : undefined;
    }
    default:
      return { command };
  }
}

/** Reads a value of `onMasterExit`; `undefined` when it is none. */
export function parseOnMasterExit(value: unknown): OnMasterExit | undefined {
  return Object.values(OnMasterExit).find((known) => known === value);
}

/** Reads an answer to `identify`; `undefined` when it is not one. */
export function parseIdentity(value: unknown): ChildIdentity | undefined {
  const protocol = readNumber(value, 'protocol');
  const version = readString(value, 'version');
  const role = Object.values(Role).find((known) => known === readString(value, 'role'));
  const name = readString(value, 'name');
  const id = readNumber(value, 'id');
  const pid = readNumber(value, 'pid');
  const declarationHash = readString(value, 'declarationHash');
  const livedMs = readNumber(value, 'livedMs');
  const states = ['starting', 'ready', 'stopping'] as const;
  const state = states.find((known) => known === readString(value, 'state'));
  if (protocol === undefined || version === undefined || role === undefined) return undefined;
  if (name === undefined || id === undefined || pid === undefined) return undefined;
  if (declarationHash === undefined || livedMs === undefined || state === undefined) {
    return undefined;
  }
  return { protocol, version, role, name, id, pid, declarationHash, livedMs, state };
}

/** Reads what a process tells; `undefined` when it is nothing known. */
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

function parseStop(value: unknown): StopOptions | undefined {
  const isGraceful = readBoolean(value, 'isGraceful');
  const timeoutMs = readNumber(value, 'timeoutMs');
  const drainMs = readNumber(value, 'drainMs');
  if (isGraceful === undefined || timeoutMs === undefined || drainMs === undefined) {
    return undefined;
  }
  return { isGraceful, timeoutMs, drainMs };
}

function parseLaunch(value: unknown): LaunchOrder | undefined {
  const execPath = readString(value, 'execPath');
  const startFile = readString(value, 'startFile');
  const cwd = readString(value, 'cwd');
  const execArgv = readField(value, 'execArgv');
  const args = readField(value, 'args');
  const env = readField(value, 'env');
  if (execPath === undefined || startFile === undefined || cwd === undefined) return undefined;
  if (!Array.isArray(execArgv) || !Array.isArray(args)) return undefined;
  if (typeof env !== 'object' || env === null) return undefined;
  const variables = Object.entries(env).map(([key, text]) => [key, String(text)] as const);
  return {
    ...{ execPath, startFile, cwd, execArgv: execArgv.map(String), args: args.map(String) },
    env: Object.fromEntries(variables),
  };
}

/** Reads why a process ended; `undefined` when it does not say. */
function parseFailure(value: unknown): ChildFailure | undefined {
  const error = readField(value, 'error');
  const code = readString(error, 'code');
  const message = readString(error, 'message');
  if (code === undefined || message === undefined) return undefined;
  const stack = readString(value, 'stack');
  return { error: { code, message }, ...(stack === undefined ? {} : { stack }) };
}

const reportNumbers = [
  'connections',
  'inFlight',
  'sent',
  'received',
  'failedSends',
  'requests',
  'memory',
  'qps',
  'eventLoopLagMs',
] as const;

/** Reads a report; `undefined` when it is not one. */
export function parseReport(value: unknown): ChildReport | undefined {
  const listen = readString(value, 'listen');
  const ready = readBoolean(value, 'ready');
  if (listen === undefined || ready === undefined) return undefined;
  const numbers = reportNumbers.map((key) => [key, readNumber(value, key)] as const);
  if (numbers.some(([, number]) => number === undefined)) return undefined;
  const figures = Object.fromEntries(numbers) as Record<(typeof reportNumbers)[number], number>;
  const limits = parseCounts(readField(value, 'limits'));
  const tables = parseCounts(readField(value, 'tables'));
  // Absent in what a child of an older version sends.
  const droppedLines = readNumber(value, 'droppedLines') ?? 0;
  return { listen, ready, ...parseRemarks(value), ...figures, droppedLines, limits, tables };
}

function parseRemarks(value: unknown): Pick<ChildReport, 'obstacles' | 'notices'> {
  const [obstacles, notices] = ['obstacles', 'notices'].map((key) => readField(value, key));
  return { obstacles: parseTexts(obstacles), notices: parseTexts(notices) };
}

function parseTexts(texts: unknown): string[] {
  return Array.isArray(texts) ? texts.filter((text) => typeof text === 'string') : [];
}

function parseCounts(value: unknown): Record<string, number> {
  const entries: [string, unknown][] =
    typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.flatMap(([name, count]) => (typeof count === 'number' ? [[name, count]] : [])),
  );
}
