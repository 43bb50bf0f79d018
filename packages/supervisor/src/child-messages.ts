import type { ConnectionStatus, RoleStatus, StopOptions, WireError } from '@gatewayworker/core';
import { readBoolean, readField, readNumber, readString } from './json-value.ts';

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

/** Some of the clients of a child. */
export interface ConnectionPage {
  readonly connections: readonly ConnectionStatus[];
  /** Whether these were the last. */
  readonly isLast: boolean;
}

// The prefix keeps these apart from what a user's own code sends over the same channel.

/** What the master sends to a child. */
export type MasterMessage =
  | { readonly type: 'gatewayworker:report'; readonly request: number }
  | ({ readonly type: 'gatewayworker:stop' } & StopOptions)
  /** Asks for the first or next page of a list; the child holds the place until it ends or is forgotten. */
  | { readonly type: 'gatewayworker:connections'; readonly request: number }
  | { readonly type: 'gatewayworker:forget'; readonly request: number }
  | { readonly type: 'gatewayworker:reopenLog' }
  /** Another master has taken the process over. */
  | { readonly type: 'gatewayworker:adopted' }
  /** Ends it once its last client has gone. */
  | { readonly type: 'gatewayworker:leave' }
  /** Lets the port for clients go that it has taken while there was no master. */
  | { readonly type: 'gatewayworker:releasePort' }
  /** No process of before has the port that it has claimed. */
  | { readonly type: 'gatewayworker:portFree' }
  /** Ends the inspector that the master has started in it. */
  | { readonly type: 'gatewayworker:closeInspector' };

/** What a child sends to the master. */
export type ChildMessage =
  /** It hears the master from now on. */
  | { readonly type: 'gatewayworker:listening' }
  | { readonly type: 'gatewayworker:started' }
  /** It is about to listen for clients, and waits for the port to be free. */
  | { readonly type: 'gatewayworker:portClaimed' }
  /** It has let the port go. */
  | { readonly type: 'gatewayworker:portReleased' }
  /** It received SIGTERM, and leaves it to the master to stop it. */
  | { readonly type: 'gatewayworker:terminated' }
  | { readonly type: 'gatewayworker:failed'; readonly failure: ChildFailure }
  | {
      readonly type: 'gatewayworker:report';
      readonly request: number;
      readonly report: ChildReport;
    }
  | {
      readonly type: 'gatewayworker:connections';
      readonly request: number;
      readonly page: ConnectionPage;
    };

const plainMasterMessages = [
  'gatewayworker:reopenLog',
  'gatewayworker:adopted',
  'gatewayworker:leave',
  'gatewayworker:releasePort',
  'gatewayworker:portFree',
  'gatewayworker:closeInspector',
] as const;

const plainChildMessages = [
  'gatewayworker:listening',
  'gatewayworker:started',
  'gatewayworker:portClaimed',
  'gatewayworker:portReleased',
  'gatewayworker:terminated',
] as const;

/** Reads a message of the master; `undefined` when it is none of ours. */
export function parseMasterMessage(value: unknown): MasterMessage | undefined {
  const type = readString(value, 'type');
  const plain = plainMasterMessages.find((known) => known === type);
  if (plain !== undefined) return { type: plain };
  if (type === 'gatewayworker:stop') {
    const stop = parseStop(value);
    return stop && { type, ...stop };
  }
  const request = readNumber(value, 'request');
  if (request === undefined) return undefined;
  if (
    type === 'gatewayworker:report' ||
    type === 'gatewayworker:connections' ||
    type === 'gatewayworker:forget'
  ) {
    return { type, request };
  }
  return undefined;
}

/** Reads a message of a child; `undefined` when it is none of ours. */
export function parseChildMessage(value: unknown): ChildMessage | undefined {
  const type = readString(value, 'type');
  const plain = plainChildMessages.find((known) => known === type);
  if (plain !== undefined) return { type: plain };
  if (type === 'gatewayworker:failed') {
    const failure = parseFailure(readField(value, 'failure'));
    return failure && { type, failure };
  }
  const request = readNumber(value, 'request');
  if (request === undefined) return undefined;
  if (type === 'gatewayworker:report') {
    const report = parseReport(readField(value, 'report'));
    return report && { type, request, report };
  }
  if (type === 'gatewayworker:connections') {
    const page = parsePage(readField(value, 'page'));
    return page && { type, request, page };
  }
  return undefined;
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

function parseFailure(value: unknown): ChildFailure | undefined {
  const error = readField(value, 'error');
  const code = readString(error, 'code');
  const message = readString(error, 'message');
  if (code === undefined || message === undefined) return undefined;
  const stack = readString(value, 'stack');
  return { error: { code, message }, ...(stack === undefined ? {} : { stack }) };
}

/** The rows are passed on as they are: who prints them looks at them. */
function parsePage(value: unknown): ConnectionPage | undefined {
  const connections = readField(value, 'connections');
  const isLast = readBoolean(value, 'isLast');
  return Array.isArray(connections) && isLast !== undefined ? { connections, isLast } : undefined;
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

function parseReport(value: unknown): ChildReport | undefined {
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
