import type { Server } from 'node:net';
import {
  assertInteger,
  assertName,
  assertOptionalFunction,
  assertOptionsObject,
  deepFreeze,
  type Logger,
  rejectUnknownKeys,
  withoutUndefined,
} from '@gatewayworker/core';

/** The process that runs a callback of a worker. */
export interface WorkerProcess {
  /** 0-based number among the processes of the worker; a restarted process keeps it. */
  readonly id: number;
  readonly name: string;
  /** Writes to the log of the cluster, with role, name and id on every line. */
  readonly logger: Logger;
  /**
   * Listens with a server of `node:net`, `node:http` or `node:https`, or one that is built on them. All
   * processes of the worker share the port, and the kernel distributes connections among them. The port stays
   * open while a process is replaced, and while no master runs. Call it in `onWorkerStart`.
   *
   * @returns the port, a free one when `address.port` is 0
   * @throws {GW_ERR_OPTION_INVALID} when the server or the address is invalid
   * @throws {GW_ERR_LISTEN_FAILED} naming the address and the worker
   */
  listen(server: Server, address: WorkerAddress): Promise<number>;
  /** Aborted when a reload or a stop begins to stop the process, right before `onWorkerStop`, or during `onWorkerStart`. */
  readonly signal: AbortSignal;
}

/** Listening address of a server in a worker. */
export interface WorkerAddress {
  /** Host name or IP address. @default '0.0.0.0' */
  readonly host?: string;
  /** 0 to 65535; 0 selects a free port, the same for all processes of the worker. */
  readonly port: number;
}

/** Options of a worker. */
export interface WorkerOptions {
  /** Shown in the status and in logs. @default 'worker' */
  readonly name?: string;
  /** Number of processes, 1 to 1024. @default 1 */
  readonly count?: number;
  /** Called once in each process, which is ready when it settles. A throw fails the start. @default nothing */
  readonly onWorkerStart?: (worker: WorkerProcess) => unknown;
  /** Called once before the process stops. The process waits for it, for `stopTimeoutMs` at most. @default nothing */
  readonly onWorkerStop?: (worker: WorkerProcess) => unknown;
}

/** Worker options with all defaults. */
export type ResolvedWorkerOptions = Required<WorkerOptions>;

/** Defaults of a worker. */
const workerDefaults: ResolvedWorkerOptions = Object.freeze({
  name: 'worker',
  count: 1,
  onWorkerStart: () => {},
  onWorkerStop: () => {},
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  assertOptionsObject('Worker', options);
  rejectUnknownKeys('Worker', options, Object.keys(workerDefaults));
  assertOptionalFunction('Worker.onWorkerStart', options.onWorkerStart);
  assertOptionalFunction('Worker.onWorkerStop', options.onWorkerStop);
  const resolved = { ...workerDefaults, ...withoutUndefined(options) };
  assertName('Worker.name', resolved.name);
  assertInteger('Worker.count', resolved.count, { min: 1, max: 1024 });
  return deepFreeze(resolved);
}
