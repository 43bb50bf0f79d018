import type { Server } from 'node:net';
import {
  assertInteger,
  assertNonEmptyString,
  boundPort,
  emptyRoleStatus,
  listen,
  OptionError,
  type RoleRuntime,
  type RoleStatus,
} from '@gatewayworker/core';
import type { ProcessContext } from '@gatewayworker/supervisor';
import type { ResolvedWorkerOptions, WorkerAddress, WorkerProcess } from './worker-options.ts';

/** Runs the callbacks of one process of a `Worker`. */
export class WorkerRuntime implements RoleRuntime {
  readonly #options: ResolvedWorkerOptions;
  readonly #process: WorkerProcess;
  readonly #ending = new AbortController();
  readonly #listening: Promise<number>[] = [];
  #started: Promise<boolean> | undefined;
  #stopped: Promise<void> | undefined;
  #isReady = false;

  constructor(
    options: ResolvedWorkerOptions,
    { id, logger, openSocket }: Pick<ProcessContext, 'id' | 'logger' | 'openSocket'>,
  ) {
    this.#options = options;
    this.#process = Object.freeze({
      name: options.name,
      id,
      logger,
      signal: this.#ending.signal,
      listen: (server, address) => {
        const listening = listenShared(server, address, openSocket, options.name);
        this.#listening.push(listening);
        return listening;
      },
    } satisfies WorkerProcess);
  }

  /** Rejects with the error of `onWorkerStart`. */
  async start(): Promise<void> {
    const starting = this.#callStart();
    this.#started = starting.then(
      () => true,
      () => false,
    );
    await starting;
    this.#isReady = this.#stopped === undefined;
  }

  /** Waits for `onWorkerStart` first, because `onWorkerStop` may need what it has set up. */
  stop(): Promise<void> {
    this.#ending.abort();
    this.#stopped ??= this.#callStop();
    return this.#stopped;
  }

  status(): RoleStatus {
    const isStarting = this.#started !== undefined && !this.#isReady && this.#stopped === undefined;
    const notReadyReasons = isStarting ? ['onWorkerStart has not settled'] : [];
    return { ...emptyRoleStatus, ready: this.#isReady, notReadyReasons };
  }

  async #callStart(): Promise<void> {
    await this.#options.onWorkerStart(this.#process);
    // A port in use fails the start even if `onWorkerStart` did not await `listen`.
    await Promise.all(this.#listening);
  }

  async #callStop(): Promise<void> {
    this.#isReady = false;
    const hasStarted = await this.#started;
    if (hasStarted === true) await this.#options.onWorkerStop(this.#process);
  }
}

async function listenShared(
  server: Server,
  { host = '0.0.0.0', port }: WorkerAddress,
  openSocket: ProcessContext['openSocket'],
  name: string,
): Promise<number> {
  if (typeof server?.listen !== 'function') {
    const allowed = 'allowed: a server of node:net, node:http or node:https';
    throw new OptionError('worker.listen server', server, allowed);
  }
  assertNonEmptyString('worker.listen host', host);
  assertInteger('worker.listen port', port, { min: 0, max: 65_535 });
  await listen(server, { host, port, openSocket }, `Worker "${name}"`);
  return boundPort(server);
}
