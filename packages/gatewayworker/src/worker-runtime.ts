import { emptyRoleStatus, type RoleRuntime, type RoleStatus } from '@gatewayworker/core';
import type { ProcessContext } from '@gatewayworker/supervisor';
import type { ResolvedWorkerOptions, WorkerProcess } from './worker-options.ts';

/** Runs the callbacks of one process of a `Worker`. */
export class WorkerRuntime implements RoleRuntime {
  readonly #options: ResolvedWorkerOptions;
  readonly #process: WorkerProcess;
  readonly #ending = new AbortController();
  #started: Promise<boolean> | undefined;
  #stopped: Promise<void> | undefined;
  #isReady = false;

  constructor(
    options: ResolvedWorkerOptions,
    { id, logger }: Pick<ProcessContext, 'id' | 'logger'>,
  ) {
    this.#options = options;
    this.#process = Object.freeze({ name: options.name, id, logger, signal: this.#ending.signal });
  }

  /** Rejects with whatever `onWorkerStart` throws. */
  async start(): Promise<void> {
    const starting = this.#callStart();
    this.#started = starting.then(
      () => true,
      () => false,
    );
    await starting;
    this.#isReady = this.#stopped === undefined;
  }

  /** Waits for `onWorkerStart` first: `onWorkerStop` may need what it has set up. */
  stop(): Promise<void> {
    this.#ending.abort();
    this.#stopped ??= this.#callStop();
    return this.#stopped;
  }

  status(): RoleStatus {
    const isStarting = this.#started !== undefined && !this.#isReady && this.#stopped === undefined;
    const obstacles = isStarting ? ['onWorkerStart has not settled'] : [];
    return { ...emptyRoleStatus, ready: this.#isReady, obstacles };
  }

  async #callStart(): Promise<void> {
    await this.#options.onWorkerStart(this.#process);
  }

  async #callStop(): Promise<void> {
    this.#isReady = false;
    const hasStarted = await this.#started;
    if (hasStarted === true) await this.#options.onWorkerStop(this.#process);
  }
}
