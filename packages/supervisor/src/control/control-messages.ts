import type { WireError } from '@gatewayworker/core';
import {
  parseJson,
  readBoolean,
  readField,
  readFields,
  readNumber,
  readString,
} from './json-value.ts';

/** Commands of the command line to a running master: one JSON line each, over its control socket. */
export const ControlCommand = {
  /** Answers `{ pid }`. */
  ping: 'ping',
  /** Answers a `StatusReport`. */
  status: 'status',
  /** Answers a `HealthReport`. */
  health: 'health',
  /** Answers `{ pid, timeoutMs }` at once; the socket closes when everything has stopped. */
  stop: 'stop',
  /** Each part is a `ReloadStep`; the answer comes when all processes are replaced. */
  reload: 'reload',
  /** Each part is a `ConnectionPart`; answers `{ missing }`, the gateways whose list is incomplete. */
  connections: 'connections',
  /** Each part is a `DrainStep`; the answer comes when all gateways have ended. */
  drain: 'drain',
  /** Each part is an `UndrainStep`; the answer comes when all gateways are ready. */
  undrain: 'undrain',
  /** Answers `{ pid, isDaemon }`; the master ends, and its processes keep running. */
  detach: 'detach',
} as const;
export type ControlCommand = (typeof ControlCommand)[keyof typeof ControlCommand];

/** What a reload replaces. */
export const ReloadKind = {
  /** Business workers and other workers; the old processes finish their work. */
  workers: 'workers',
  /** Gateways; the old processes hand their clients over. */
  gateways: 'gateways',
} as const;
export type ReloadKind = (typeof ReloadKind)[keyof typeof ReloadKind];

/** A command with its arguments. */
export type ControlOrder =
  | {
      readonly command: Exclude<ControlCommand, 'stop' | 'reload' | 'drain' | 'undrain'>;
    }
  | { readonly command: typeof ControlCommand.reload; readonly kind: ReloadKind }
  | { readonly command: typeof ControlCommand.stop; readonly isGraceful: boolean }
  | {
      readonly command: typeof ControlCommand.drain;
      /** Name of a declaration, or `name#id`; absent for every gateway. */
      readonly gateway?: string;
      /** Time over which clients are closed, in milliseconds. */
      readonly drainMs: number;
    }
  | {
      readonly command: typeof ControlCommand.undrain;
      /** Name of a declaration, or `name#id`; absent for every gateway. */
      readonly gateway?: string;
    };

/** A line from the client to the process that owns the control socket. */
export interface ControlRequest {
  /** Number chosen by the client; the response repeats it. */
  readonly request: number;
  /** An order; each process parses its own kind of orders. */
  readonly order: unknown;
}

/** A line to the client: any number of parts and keepalives, then a result or an error. */
export type ControlResponse =
  | { readonly request: number; readonly result: unknown }
  | { readonly request: number; readonly part: unknown }
  | { readonly request: number; readonly isPending: true }
  | { readonly request: number; readonly error: WireError };

/** One day; a timer of Node.js allows at most 24 days. */
const MAX_DRAIN_MS = 86_400_000;

/** Reads a request; `undefined` when the line is not one. */
export function parseControlRequest(line: string): ControlRequest | undefined {
  const value = parseJson(line);
  const request = readNumber(value, 'request');
  const order = readField(value, 'order');
  return request === undefined || order === undefined ? undefined : { request, order };
}

/** Reads an order to a master; `undefined` when it is not one. */
export function parseControlOrder(value: unknown): ControlOrder | undefined {
  const name = readString(value, 'command');
  const command = Object.values(ControlCommand).find((known) => known === name);
  switch (command) {
    case undefined:
      return undefined;
    case ControlCommand.stop:
      return { command, isGraceful: readBoolean(value, 'isGraceful') ?? false };
    case ControlCommand.reload: {
      const kind = Object.values(ReloadKind).find((known) => known === readString(value, 'kind'));
      return { command, kind: kind ?? ReloadKind.workers };
    }
    case ControlCommand.drain: {
      const drainMs = readNumber(value, 'drainMs');
      const gateway = readString(value, 'gateway');
      if (drainMs === undefined || drainMs < 0 || drainMs > MAX_DRAIN_MS) return undefined;
      return { command, drainMs, ...(gateway === undefined ? {} : { gateway }) };
    }
    case ControlCommand.undrain: {
      const gateway = readString(value, 'gateway');
      return { command, ...(gateway === undefined ? {} : { gateway }) };
    }
    default:
      return { command };
  }
}

/** Reads a response; `undefined` when the line is not one. */
export function parseControlResponse(line: string): ControlResponse | undefined {
  const value = parseJson(line);
  const request = readNumber(value, 'request');
  if (request === undefined) return undefined;
  if (readBoolean(value, 'isPending') === true) return { request, isPending: true };
  const part = readField(value, 'part');
  if (part !== undefined) return { request, part };
  const failure = readField(value, 'error');
  if (failure === undefined) return { request, result: readField(value, 'result') };
  const error = readFields(failure, { code: 'string', message: 'string' });
  return error && { request, error };
}
