import type { RoleStatus, WireError } from '@gatewayworker/core';
import { readBoolean, readField, readNumber, readString } from './json-value.ts';

/** What a child reports about itself when it is asked. */
export interface ChildReport extends RoleStatus {
  /** Resident memory in bytes. */
  readonly memory: number;
  /** Messages received and queries answered per second, over the last full second. */
  readonly qps: number;
  /** 99th percentile of how late the event loop came round in the last 5 to 10 seconds, in milliseconds. */
  readonly eventLoopLagMs: number;
}

/** Why a child ends. */
export interface ChildFailure {
  readonly error: WireError;
  /** Where it happened; absent for an error of the framework, whose message says it all. */
  readonly stack?: string;
}

// The prefix keeps these apart from what a user's own code sends over the same channel.

/** What the master sends to a child. */
export type MasterMessage =
  | { readonly type: 'gatewayworker:report'; readonly request: number }
  | { readonly type: 'gatewayworker:stop' };

/** What a child sends to the master. */
export type ChildMessage =
  | { readonly type: 'gatewayworker:started' }
  /** It received SIGTERM, and leaves it to the master to stop it. */
  | { readonly type: 'gatewayworker:terminated' }
  | { readonly type: 'gatewayworker:failed'; readonly failure: ChildFailure }
  | {
      readonly type: 'gatewayworker:report';
      readonly request: number;
      readonly report: ChildReport;
    };

/** Reads a message of the master; `undefined` when it is none of ours. */
export function parseMasterMessage(value: unknown): MasterMessage | undefined {
  const type = readString(value, 'type');
  if (type === 'gatewayworker:stop') return { type };
  const request = readNumber(value, 'request');
  if (type === 'gatewayworker:report' && request !== undefined) return { type, request };
  return undefined;
}

/** Reads a message of a child; `undefined` when it is none of ours. */
export function parseChildMessage(value: unknown): ChildMessage | undefined {
  const type = readString(value, 'type');
  if (type === 'gatewayworker:started' || type === 'gatewayworker:terminated') return { type };
  if (type === 'gatewayworker:failed') {
    const failure = parseFailure(readField(value, 'failure'));
    return failure && { type, failure };
  }
  if (type === 'gatewayworker:report') {
    const request = readNumber(value, 'request');
    const report = parseReport(readField(value, 'report'));
    return request === undefined || report === undefined ? undefined : { type, request, report };
  }
  return undefined;
}

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

function parseReport(value: unknown): ChildReport | undefined {
  const listen = readString(value, 'listen');
  const ready = readBoolean(value, 'ready');
  if (listen === undefined || ready === undefined) return undefined;
  const numbers = reportNumbers.map((key) => [key, readNumber(value, key)] as const);
  if (numbers.some(([, number]) => number === undefined)) return undefined;
  const figures = Object.fromEntries(numbers) as Record<(typeof reportNumbers)[number], number>;
  return { listen, ready, ...figures, limits: parseLimits(readField(value, 'limits')) };
}

function parseLimits(value: unknown): Record<string, number> {
  const entries: [string, unknown][] =
    typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.flatMap(([name, count]) => (typeof count === 'number' ? [[name, count]] : [])),
  );
}
