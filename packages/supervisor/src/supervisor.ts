import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, type Logger } from '@gatewayworker/core';
import { type ChildAssignment, childVariable } from './child-assignment.ts';
import { ChildHandle } from './child-handle.ts';
import type { ResolvedRunOptions } from './options.ts';
import {
  type ProcessDeclaration,
  type Role,
  startOrder,
  stopOrder,
} from './process-declaration.ts';
import type { StartRow } from './start-report.ts';
import { ProcessState, type ProcessStatus } from './status-report.ts';

/** What a supervisor needs to make its children. */
export interface SupervisorOptions extends ResolvedRunOptions {
  readonly logger: Logger;
  /** Whether children log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
}

const statusTimeoutMs = 1_000;

/** Starts, watches and stops the children of one master. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #declarations: readonly ProcessDeclaration[];
  readonly #handles: readonly ChildHandle[];
  #stopping: Promise<void> | undefined;

  constructor(declarations: readonly ProcessDeclaration[], options: SupervisorOptions) {
    this.#options = options;
    this.#declarations = declarations;
    this.#handles = declarations.flatMap((declaration, index) =>
      Array.from({ length: declaration.count }, (_, id) =>
        this.#createHandle(index, declaration, id),
      ),
    );
  }

  /**
   * Starts all children, kind after kind, and resolves once they are ready.
   *
   * Children that are merely slow do not fail the start: after `readyTimeoutMs` it goes on without them.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when a child ends before it was ready; the others still run
   * @throws {GW_ERR_PHASE} when it is stopped meanwhile
   */
  async start(): Promise<StartRow[]> {
    // Round robin, which node:cluster uses except on Windows, spreads clients evenly over the
    // processes that share a port; the kernel's own choice favours few of them.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    for (const role of startOrder) await this.#startStage(role);
    return this.#describeStart();
  }

  /** Stops all children, kind after kind; safe to call in any phase, and twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopStages();
    return this.#stopping;
  }

  /** Ends all children at once. */
  kill(): void {
    for (const handle of this.#handles) handle.kill();
  }

  /** Asks every child for its figures, for at most 1 s. */
  status(): Promise<ProcessStatus[]> {
    return Promise.all(this.#handles.map((handle) => handle.status(statusTimeoutMs)));
  }

  async #startStage(role: Role): Promise<void> {
    if (this.#stopping !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'stopped before everything was started');
    }
    const handles = this.#ofRole(role);
    const timer = new AbortController();
    const deadline = sleep(this.#options.readyTimeoutMs, undefined, { signal: timer.signal }).then(
      () => {
        for (const handle of handles) handle.keepTrying();
      },
      () => {},
    );
    await Promise.all(handles.map((handle) => handle.start())).finally(() => timer.abort());
    await deadline;
  }

  async #stopStages(): Promise<void> {
    const { stopTimeoutMs } = this.#options;
    for (const handle of this.#handles) handle.keepDown();
    for (const role of stopOrder) {
      await Promise.all(this.#ofRole(role).map((handle) => handle.stop(stopTimeoutMs)));
    }
  }

  #ofRole(role: Role): ChildHandle[] {
    return this.#handles.filter((handle) => handle.declaration.role === role);
  }

  #describeStart(): StartRow[] {
    return this.#declarations.map((declaration) => {
      const handles = this.#handles.filter((handle) => handle.declaration === declaration);
      const ready = handles.filter((handle) => handle.state === ProcessState.ready).length;
      const { role, name, count } = declaration;
      return { role, name, processes: count, ready, listen: handles[0]?.listen ?? '' };
    });
  }

  #createHandle(index: number, declaration: ProcessDeclaration, id: number): ChildHandle {
    const { logFile, logToStdout, stopTimeoutMs, logger } = this.#options;
    const { role, name } = declaration;
    const assignment: ChildAssignment = {
      declaration: index,
      role,
      name,
      id,
      logFile,
      logToStdout,
      stopTimeoutMs,
    };
    return new ChildHandle({ declaration, id, logger, fork: () => this.#forkChild(assignment) });
  }

  #forkChild(assignment: ChildAssignment): Worker {
    // The arguments only tell processes apart in `ps`; a child learns what it is from the variable.
    const args = [assignment.role, assignment.name, `#${assignment.id}`];
    cluster.setupPrimary({ exec: this.#options.startFile, args, execArgv: process.execArgv });
    return cluster.fork({ [childVariable]: JSON.stringify(assignment) });
  }
}
